public import API
public import Endpoint
public import Runtime
public import ServiceClient
public import Stores
public import Validation
public import Values

/// Finds the reminders whose time has come and hands each to the Notification service.
///
/// Each is recorded before it is handed over, and held while that happens; the Notification service knows one again that
/// it has. So it does not matter where a run ends, or how many there are at once.
public struct ReminderDispatcher {
  /// Hands one over.
  public typealias Send = (_ request: SendTaskReminderRequest, _ context: Context) throws -> Void

  /// What a run did.
  public struct Report: Equatable, Sendable {
    /// Tasks that were looked at.
    public var tasks = 0
    /// Reminders that are with the Notification service now.
    public var handedOver = 0
    /// Reminders that will not go out.
    public var skipped = 0
    /// Reminders that will be tried again.
    public var postponed = 0
    /// Why it was not all done; `nil` when it was.
    public var failure: String?

    /// A report.
    public init() {}
  }

  private static let recordedAtOnce = 500
  private static let handedOverAtOnce = 50
  private static let callMilliseconds = 2000
  /// More than for a call, so that one that takes too long says something about the service.
  private static let requestMilliseconds = 3000
  private static let failuresInARow = 5
  private static let pauseSeconds: Int64 = 30
  fileprivate static let notTried = "its turn did not come"

  private let reminders: Timed<ReminderStore>
  private let leads: LeadTimes
  private let maximumAgeSeconds: Int
  private let holdSeconds: Int
  private let clock: () -> Instant
  private let send: Send
  private let pause: (_ microseconds: UInt32) -> Void

  /// A dispatcher. What is more than `maximumAgeSeconds` late is passed over.
  public init(
    reminders: Timed<ReminderStore>,
    leads: LeadTimes,
    maximumAgeSeconds: Int,
    holdSeconds: Int,
    clock: @escaping () -> Instant,
    pause: @escaping (_ microseconds: UInt32) -> Void = ServiceClient.sleep,
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
    guard let client = ServiceClient(try resources.access(to: "notification")) else {
      throw Settings.Invalid(message: "NOTIFICATION_SERVICE_URL is not set")
    }
    self.init(
      reminders: resources.reminders,
      leads: resources.leads,
      maximumAgeSeconds: try resources.settings.integer(
        "REMINDER_MAX_AGE_SECONDS",
        default: 21_600,
        in: 60...2_592_000
      ),
      holdSeconds: try resources.settings.holdSeconds,
      clock: { resources.now },
      send: { request, context in
        // Nobody looks at the answer, so it is read as nothing.
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

  /// What a run would hand over or pass over now, at most `limit`, a line for each; nothing is changed.
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
      let fate = reminder.obstacle.map { "skipped: \($0)" } ?? "to be sent"
      let dueDate = request.dueDate.instant.rfc3339
      return "\(request.taskID) due \(dueDate), \(request.leadMinutes) minutes before: \(fate)"
    }
  }

  /// Does what there is to do, until `isOver` says so.
  ///
  /// - Throws: `DatabaseError`.
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
    var failures = 0
    while !isOver(), failures < Self.failuresInARow {
      let now = clock()
      // What is not begun by then is somebody else's.
      let held = Deadline(millisecondsFromNow: holdSeconds * 300)
      let taken = try reminders(by: Job.statementDeadline).take(
        Self.handedOverAtOnce,
        leads,
        at: now,
        heldUntil: now.adding(seconds: Int64(holdSeconds)),
        maximumAgeSeconds: maximumAgeSeconds
      )
      if taken.isEmpty { break }
      let outcomes = taken.map { reminder in
        let outcome = outcome(of: reminder, isOver: isOver() || held.hasPassed, &failures)
        report.add(outcome)
        return (reminder, outcome)
      }
      try reminders(by: Job.statementDeadline).settle(outcomes, at: clock())
    }
    return report
  }

  private func outcome(
    of reminder: ReminderStore.Handover,
    isOver: Bool,
    _ failures: inout Int
  ) -> ReminderStore.Outcome {
    if let obstacle = reminder.obstacle { return .skipped(reason: obstacle) }
    let now = clock()
    guard failures < Self.failuresInARow, !isOver else {
      return .postponed(reason: Self.notTried, until: now)
    }
    do {
      try ServiceClient.patiently(pause: pause) {
        try send(reminder.request, context(of: reminder, at: now))
      }
      failures = 0
      return .handedOver
    } catch let failure as CallFailure
      where failure.status == .notFound || failure.status == .invalidArgument
    {
      failures = 0
      return .skipped(reason: failure.message)
    } catch let failure as CallFailure where failure.status == .failedPrecondition {
      // It concerns this one alone.
      return .postponed(reason: failure.message, until: now.adding(seconds: Self.pauseSeconds))
    } catch {
      failures += 1
      return .postponed(reason: "\(error)", until: now.adding(seconds: Self.pauseSeconds))
    }
  }
}

extension ReminderDispatcher {
  private func context(of reminder: ReminderStore.Handover, at now: Instant) -> Context {
    Context(
      now: now,
      caller: .unknown,
      trace: Trace(requestID: "reminder-\(reminder.request.taskID)"),
      deadline: Deadline(millisecondsFromNow: Self.requestMilliseconds)
    )
  }
}

extension ReminderDispatcher.Report {
  fileprivate mutating func add(_ outcome: ReminderStore.Outcome) {
    switch outcome {
    case .handedOver: handedOver += 1
    case .skipped: skipped += 1
    case .postponed(let reason, _):
      postponed += 1
      if reason != ReminderDispatcher.notTried { failure = failure ?? reason }
    }
  }
}
