public import API
public import Endpoint
import Queue
public import Resilience
public import Runtime
import ServiceClient
public import Stores
public import Validation
public import Values

/// Finds the reminders whose time has come and hands each over to the Notification service.
///
/// Each is recorded before it is handed over, and leased while that happens; the Notification service recognises one that
/// it has already. So it does not matter where a run ends, or how many there are at once.
public struct ReminderDispatcher {
  /// Hands one over.
  public typealias Send = (_ request: SendTaskReminderRequest, _ context: Context) throws -> Void

  /// The results of a run.
  public struct Report: Equatable, Sendable {
    /// Tasks whose reminders were recorded.
    public var tasks = 0
    /// Reminders that the Notification service has now.
    public var handedOver = 0
    /// Reminders that will not go out.
    public var skipped = 0
    /// Reminders that will be tried again, those whose turn did not come among them.
    public var postponed = 0
    /// Why not everything was done; `nil` when it was.
    public var failure: String?

    /// An empty report.
    public init() {}
  }

  private static let recordedAtOnce = 500
  private static let callMilliseconds = 2000

  let reminders: Timed<ReminderStore>
  let leads: LeadTimes
  let maximumAgeSeconds: Int
  private let holdSeconds: Int
  let clock: () -> Instant
  let send: Send
  let pause: (_ microseconds: UInt32) -> Void

  /// A dispatcher. What is more than `maximumAgeSeconds` late is skipped.
  public init(
    reminders: Timed<ReminderStore>,
    leads: LeadTimes,
    maximumAgeSeconds: Int,
    holdSeconds: Int,
    clock: @escaping () -> Instant,
    pause: @escaping (_ microseconds: UInt32) -> Void = Retry.sleep,
    send: @escaping Send
  ) {
    self.reminders = reminders
    self.leads = leads
    self.maximumAgeSeconds = maximumAgeSeconds
    self.holdSeconds = holdSeconds
    self.clock = clock
    self.pause = pause
    self.send = send
  }

  /// The dispatcher of a job, by the settings `NOTIFICATION_SERVICE_URL`, `REMINDER_LEAD_TIMES`, `REMINDER_MAX_AGE_SECONDS`
  /// and `HOLD_SECONDS`.
  ///
  /// - Throws: `Settings.Invalid`.
  public init(_ resources: Resources) throws {
    guard let client = ServiceClient(try resources.access(to: .notification)) else {
      throw Settings.Invalid(message: "NOTIFICATION_SERVICE_URL is not set")
    }
    self.init(
      reminders: resources.reminders,
      leads: resources.leads,
      maximumAgeSeconds: try resources.settings[.reminderMaximumAgeSeconds],
      holdSeconds: try resources.settings[.holdSeconds],
      clock: { resources.now },
      send: { request, context in
        // Nobody looks at the answer, so it is read as an empty one.
        let _: Empty = try client.call(
          "notification.v1.NotificationService/SendTaskReminder",
          request,
          in: context,
          withinMilliseconds: Self.callMilliseconds,
          isRepeatable: true
        )
      }
    )
  }

  /// The reminders that a run would hand over or skip now, at most `limit`, a line for each. Nothing is changed.
  ///
  /// - Throws: `DatabaseError`.
  public func preview(limit: Int) throws -> [String] {
    let found = try reminders(by: Job.statementDeadline).preview(
      leads,
      at: clock(),
      maximumAgeSeconds: maximumAgeSeconds,
      limit: limit
    )
    return found.map { reminder in
      let request = reminder.request
      let result = reminder.obstacle.map { "skipped: \($0)" } ?? "to be sent"
      let dueDate = request.dueDate.instant.rfc3339
      return "\(request.taskID) due \(dueDate), \(request.leadMinutes) minutes before: \(result)"
    }
  }

  /// Records and hands over what is due, until `isOver` says so.
  ///
  /// A database that fails while reminders are handed over ends the run, and is the report's failure.
  /// - Throws: `DatabaseError` when one could not be recorded.
  public func run(isOver: () -> Bool) throws -> Report {
    var report = Report()
    while !isOver() {
      let recorded = try reminders(by: Job.statementDeadline).record(
        leads,
        at: clock(),
        maximumAgeSeconds: maximumAgeSeconds,
        limit: Self.recordedAtOnce
      )
      report.tasks += recorded.tasks
      report.skipped += recorded.skipped
      if recorded.tasks < Self.recordedAtOnce { break }
    }
    let consumer = ReminderConsumer(self, Lease(seconds: holdSeconds))
    let handovers = QueueWorker(consumer).run(drains: true, isOver: isOver, sleep: { _ in })
    report.handedOver = handovers.completed
    report.skipped += handovers.discarded
    report.postponed = handovers.postponed + handovers.released
    report.failure = handovers.failure
    return report
  }
}
