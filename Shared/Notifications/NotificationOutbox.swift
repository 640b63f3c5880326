import API
public import Endpoint
import JSON
import Resilience
public import Runtime
public import Stores
import Telemetry
import Validation
public import Values

/// Sends the notifications of one channel, and records what has become of each.
///
/// Each channel has its own: what holds up one holds up no other.
public final class NotificationOutbox {
  /// What a run has done.
  public struct Report: Equatable, Sendable {
    /// Taken over by the recipient's server.
    public var sent = 0
    /// To be tried again.
    public var postponed = 0
    /// Given up.
    public var dead = 0
    /// Why it was not all done; `nil` when it was.
    public var failure: String?

    /// Nothing yet.
    public init() {}

    /// Both together.
    public static func + (left: Report, right: Report) -> Report {
      var sum = Report()
      sum.sent = left.sent + right.sent
      sum.postponed = left.postponed + right.postponed
      sum.dead = left.dead + right.dead
      sum.failure = left.failure ?? right.failure
      return sum
    }
  }

  /// For each statement when no client waits for the answer.
  private static let databaseMilliseconds = 10_000
  private static let takenAtOnce = 20
  private static let pauseSeconds: Int64 = 30
  private static let idleMicroseconds: UInt32 = 1_000_000

  private let resources: Resources
  private let notifications: Timed<NotificationStore>
  private let channel: any Channel
  private let holdSeconds: Int
  private let maximumAttempts: Int
  private let maximumAgeSeconds: Int

  /// The e-mail, by the settings `SMTP_URL`, `MAIL_FROM`, `MAIL_TLS`, `MAIL_CA_FILE`, `BREAKER_DIR` and those of all.
  ///
  /// - Throws: `Settings.Invalid`.
  public static func mail(_ resources: Resources) throws -> NotificationOutbox {
    try NotificationOutbox(resources, MailChannel(resources))
  }

  /// The push messages, by the settings `VAPID_KEY_FILE`, `VAPID_SUBJECT`, `MAIL_FROM`, `PUSH_CA_FILE`,
  /// `PUSH_PRIVATE_ADDRESSES` and those of all.
  ///
  /// - Throws: `Settings.Invalid`.
  public static func push(_ resources: Resources) throws -> NotificationOutbox {
    try NotificationOutbox(resources, PushChannel(resources))
  }

  /// An outbox by the settings of all: `HOLD_SECONDS`, `DELIVERY_MAX_ATTEMPTS` and `DELIVERY_MAX_AGE_SECONDS`.
  ///
  /// - Throws: `Settings.Invalid`.
  init(_ resources: Resources, _ channel: any Channel) throws {
    let settings = resources.settings
    self.resources = resources
    self.channel = channel
    notifications = resources.notifications
    holdSeconds = try settings.holdSeconds
    maximumAttempts = try settings.integer("DELIVERY_MAX_ATTEMPTS", default: 200, in: 1...1000)
    maximumAgeSeconds = try settings.integer(
      "DELIVERY_MAX_AGE_SECONDS",
      default: 604_800,
      in: 60...31_536_000
    )
  }

  /// Until when somebody who takes a notification now may hold it.
  public func heldUntil(from now: Instant) -> Instant { now.adding(seconds: Int64(holdSeconds)) }

  /// Tries one for a client that waits for the answer: briefly, and not at all while it is known that nobody is there.
  ///
  /// - Throws: `DatabaseError` when what has become of it could not be recorded; it is tried again then.
  public func tryAtOnce(_ attempt: NotificationStore.Attempt, in context: Context) throws {
    if let obstacle = channel.obstacle(at: context.now) {
      let next = context.now.adding(seconds: Self.pauseSeconds)
      return try notifications(by: context.deadline)
        .recordFailure(attempt, reason: obstacle, next: next, counts: false)
    }
    let patience = Deadline(millisecondsFromNow: channel.atOnceMilliseconds)
    var report = Report()
    let client = context.deadline
    _ = try send(attempt, before: min(client, patience), for: client, &report)
  }

  /// Sends what is due and, unless `drains`, what becomes due, until `isOver` says so. While the database is away it waits
  /// for it; what was taken is free again when its time is over.
  public func deliver(
    drains: Bool,
    isOver: () -> Bool,
    sleep: (_ microseconds: UInt32) -> Void
  ) -> Report {
    var report = Report()
    while !isOver() {
      do {
        if try sendSome(isOver: isOver, &report) { continue }
      } catch {
        report.failure = Diagnostics.reason(of: error)
      }
      if drains { break }
      sleep(Self.idleMicroseconds)
    }
    return report
  }

  /// Sends some of what is due; whether there was anything that could be sent.
  private func sendSome(isOver: () -> Bool, _ report: inout Report) throws -> Bool {
    let now = resources.now
    // Who finds no obstacle has to try, so there must be something to try.
    guard try notifications(by: Self.soon).isAnyDue(channel.type, at: now),
      channel.obstacle(at: now) == nil
    else { return false }
    let held = Deadline(millisecondsFromNow: holdSeconds * 300)
    let taken = try notifications(by: Self.soon).take(
      Self.takenAtOnce,
      channel.type,
      at: now,
      heldUntil: heldUntil(from: now)
    )
    try send(taken, until: { held.hasPassed || isOver() }, &report)
    return !taken.isEmpty
  }

  /// Sends some, one after the other; what is not begun in time, and what nobody is there to take, is given back.
  private func send(
    _ taken: [NotificationStore.Attempt],
    until isOver: () -> Bool,
    _ report: inout Report
  ) throws {
    var rest = taken[...]
    var isAttended = true
    while isAttended, !isOver(), let attempt = rest.popFirst() {
      let patience = channel.atLeisureMilliseconds
      let deadline = Deadline(millisecondsFromNow: min(patience, holdSeconds * 300))
      isAttended = try send(attempt, before: deadline, for: nil, &report)
    }
    // At once, before the one that nobody took: should that be the only one so, the others pass it.
    try notifications(by: Self.soon).release(Array(rest), until: resources.now)
  }

  /// Sends one and records what has become of it. Whether there may be somebody to take the next.
  private func send(
    _ attempt: NotificationStore.Attempt,
    before deadline: Deadline,
    for client: Deadline?,
    _ report: inout Report
  ) throws -> Bool {
    let fate = try channel.send(attempt, before: deadline, for: client)
    let now = resources.now
    try record(fate, of: attempt, at: now, by: client ?? Self.soon, &report)
    guard let reason = fate.reason else { return true }
    let isAttended = if case .unattended = fate { false } else { true }
    log(attempt, reason, isAttended: isAttended, at: now)
    return isAttended || !channel.hasOneServer
  }

  private func record(
    _ fate: Fate,
    of attempt: NotificationStore.Attempt,
    at now: Instant,
    by deadline: Deadline,
    _ report: inout Report
  ) throws {
    let notifications = notifications(by: deadline)
    switch fate {
    case .sent(let remark):
      try notifications.recordSent(attempt, remark: remark, at: now)
      report.sent += 1
    case .givenUp(let reason):
      try notifications.recordFailure(attempt, reason: reason, next: nil, counts: true)
      report.dead += 1
    case .postponed(let reason, let seconds, let hasArrived):
      guard attempt.number < maximumAttempts, !isTooOld(attempt, at: now) else {
        return try record(
          .atItsEnd(reason, hasArrived),
          of: attempt,
          at: now,
          by: deadline,
          &report
        )
      }
      var random = SystemRandomNumberGenerator()
      let next = Backoff.next(
        afterAttempts: attempt.number,
        at: now,
        atLeastSeconds: seconds,
        random: &random
      )
      try notifications.recordFailure(attempt, reason: reason, next: next, counts: true)
      report.postponed += 1
    case .unattended(let reason, let next, let hasArrived):
      // That nobody was there is no attempt; only age ends it.
      guard !isTooOld(attempt, at: now) else {
        return try record(
          .atItsEnd(reason, hasArrived),
          of: attempt,
          at: now,
          by: deadline,
          &report
        )
      }
      try notifications.recordFailure(attempt, reason: reason, next: next, counts: false)
      report.postponed += 1
    }
  }

  private func isTooOld(_ attempt: NotificationStore.Attempt, at now: Instant) -> Bool {
    attempt.createdAt.adding(seconds: Int64(maximumAgeSeconds)) < now
  }

  private static var soon: Deadline { Deadline(millisecondsFromNow: databaseMilliseconds) }

  /// What a server says of a message may name the recipient, and stays out of the log; it is in the notification.
  private func log(
    _ attempt: NotificationStore.Attempt,
    _ reason: String,
    isAttended: Bool,
    at now: Instant
  ) {
    let words = reason.split(separator: " ").prefix(channel.loggedWords)
    resources.log.write(.warning, at: now) { line in
      line.member("notification_id", attempt.id.text)
      line.member("attempt", attempt.number)
      line.member("message", isAttended ? words.joined(separator: " ") : reason)
    }
  }

  /// Has those tried again that were given up: one, or with `nil` all that are not too old. How many.
  ///
  /// - Throws: `DatabaseError`.
  public func revive(_ id: ID?) throws -> Int {
    try notifications(by: Self.soon)
      .revive(id, at: resources.now, maximumAgeSeconds: maximumAgeSeconds)
  }
}
