public import Runtime
import Stores
import Values

/// Removes expired rows from one service's database, a few at a time, so that no lock is held for long.
public struct Purge {
  private static let removedAtOnce = 500
  private static let secondsOfDay: Int64 = 86_400
  /// How many days a session is kept after it expired, so that its token is reported as expired rather than unknown.
  private static let sessionDays = 7
  /// How many days deleted users are remembered, to stop whatever is still on its way to them.
  private static let forgottenDays = 30

  /// One kind of rows to remove.
  private struct Kind {
    let name: StaticString
    let days: Int
    let removeSome: (_ before: Instant, _ limit: Int) throws -> Int
  }

  private let kinds: [Kind]
  private let clock: () -> Instant

  /// The purge of a service's job, by the settings `SERVICE`, `EVENT_KEEP_DAYS`, `REMINDER_KEEP_DAYS` and
  /// `NOTIFICATION_KEEP_DAYS`.
  ///
  /// - Throws: `Settings.Invalid`.
  public init(_ resources: Resources) throws {
    let settings = resources.settings
    let (events, sessions) = (resources.events, resources.sessions)
    let (reminders, notifications) = (resources.reminders, resources.notifications)
    let (contacts, subscriptions) = (resources.contacts, resources.subscriptions)
    let relayed = Kind(name: "events", days: try settings[.eventKeepDays]) {
      try events(by: Job.statementDeadline).purge(relayedBefore: $0, limit: $1)
    }
    clock = { resources.now }
    switch try settings.required(.service) {
    case .user: kinds = [relayed]
    case .auth:
      kinds = [
        Kind(name: "sessions", days: Self.sessionDays) {
          try sessions(by: Job.statementDeadline).purge(expiredBefore: $0, limit: $1)
        }
      ]
    case .task:
      kinds = [
        relayed,
        Kind(name: "reminders", days: try settings[.reminderKeepDays]) {
          try reminders(by: Job.statementDeadline).purge(dueBefore: $0, limit: $1)
        },
      ]
    case .notification:
      kinds = [
        Kind(name: "notifications", days: try settings[.notificationKeepDays]) {
          try notifications(by: Job.statementDeadline).purge(madeBefore: $0, limit: $1)
        },
        Kind(name: "subscriptions", days: 0) {
          try subscriptions(by: Job.statementDeadline).purge(expiredBefore: $0, limit: $1)
        },
        Kind(name: "forgotten_users", days: Self.forgottenDays) {
          try contacts(by: Job.statementDeadline).purge(forgottenBefore: $0, limit: $1)
        },
      ]
    case .health: kinds = []
    }
  }

  /// Removes everything that has expired, until `isOver` says so. `report` is told the kind and the number of rows
  /// removed so far, after each five hundred.
  ///
  /// - Returns: how many rows of each kind were removed.
  /// - Throws: `DatabaseError`.
  public func run(
    isOver: () -> Bool,
    report: (_ kind: StaticString, _ count: Int) -> Void = { _, _ in }
  ) throws -> Job.Counts {
    let now = clock()
    let counts = try kinds.map { kind -> (name: StaticString, count: Int) in
      var count = 0
      while !isOver() {
        let before = now.adding(seconds: -Int64(kind.days) * Self.secondsOfDay)
        let removed = try kind.removeSome(before, Self.removedAtOnce)
        count += removed
        if removed < Self.removedAtOnce { break }
        report(kind.name, count)
      }
      return (kind.name, count)
    }
    return Job.Counts(counts)
  }
}
