import API
import Endpoint
public import Queue
public import Runtime
import ServiceClient
import Stores
import Telemetry
import Values

/// Relays events: carries out the saga that follows from each, at least once, and those of one subject in order.
///
/// Nothing is lost wherever a run ends: an event is done with only when that is recorded, and what a process held that
/// died is claimed by another at once, or when the lease is over.
public final class EventRelay {
  private static let callMilliseconds = 4000
  /// The end of the wait for a statement that begins now.
  static var soon: Deadline { Deadline(millisecondsFromNow: 10_000) }

  let events: Timed<EventStore>
  let makeParties: (_ context: Context) -> Parties
  let clock: () -> Instant
  let maximumAgeSeconds: Int64
  let log: Log?

  init(
    events: Timed<EventStore>,
    maximumAgeSeconds: Int = 604_800,
    clock: @escaping () -> Instant,
    log: Log? = nil,
    parties: @escaping (_ context: Context) -> Parties
  ) {
    self.events = events
    self.maximumAgeSeconds = Int64(maximumAgeSeconds)
    self.clock = clock
    self.log = log
    makeParties = parties
  }

  /// The relay of a service's job, by the settings `SERVICE`, `TASK_SERVICE_URL`, `NOTIFICATION_SERVICE_URL` and
  /// `EVENT_MAX_AGE_SECONDS`.
  ///
  /// - Throws: `Settings.Invalid`.
  public convenience init(_ resources: Resources) throws {
    let settings = resources.settings
    _ = try settings.required(.notificationServiceURL)
    if try settings[.service] == .user { _ = try settings.required(.taskServiceURL) }
    let task = ServiceClient(try resources.access(to: .task))
    let notification = ServiceClient(try resources.access(to: .notification))
    let call: Parties.Call = { service, rpc, request, context in
      let client =
        switch service {
        case .task: task
        case .notification: notification
        }
      guard let client else {
        throw Settings.Invalid(message: "\(service.rawValue.uppercased())_SERVICE_URL is not set")
      }
      // Unknown fields are kept, so the bytes of any answer come through.
      let answer: Empty = try ServiceClient.patiently {
        try client.call(
          rpc,
          request,
          in: context,
          withinMilliseconds: Self.callMilliseconds,
          isRepeatable: true
        )
      }
      return try answer.serializedBytes()
    }
    self.init(
      events: resources.events,
      maximumAgeSeconds: try settings[.eventMaximumAgeSeconds],
      clock: { resources.now },
      log: resources.log,
      parties: {
        Parties(
          users: resources.users(by: Self.soon),
          tasks: resources.tasks(by: Self.soon),
          context: $0,
          send: call
        )
      }
    )
  }

  /// Relays what is due and, unless it `drains`, what becomes due, until `isOver` says so. It waits for a database that
  /// is away.
  public func run(
    drains: Bool,
    isOver: () -> Bool,
    sleep: (_ microseconds: UInt32) -> Void
  ) -> QueueReport {
    QueueWorker(EventConsumer(self)).run(drains: drains, isOver: isOver, sleep: sleep)
  }

  /// Has discarded events tried again: one, or with `nil` all.
  ///
  /// - Returns: how many.
  /// - Throws: `DatabaseError`.
  public func retryDiscarded(_ number: Int64?) throws -> Int {
    try events(by: Self.soon).retry(number, at: clock())
  }
}
