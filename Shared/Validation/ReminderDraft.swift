public import API
import Endpoint
public import Values

/// A reminder of a task that is sound: one that is not cannot exist.
public struct ReminderDraft: Sendable {
  /// Which task.
  public let taskID: ID
  /// Whom to remind.
  public let userID: ID
  /// The task's title.
  public let title: String
  /// When it is due.
  public let dueDate: Instant
  /// How long before that the reminder was meant to go out.
  public let leadMinutes: Int
  /// How much the task matters.
  public let priority: TaskPriority

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every bad field.
  public init(_ request: SendTaskReminderRequest) throws {
    var violations = Violations()
    taskID = violations.userID(request.taskID, "task_id")
    userID = violations.userID(request.userID)
    title = violations.text(request.title, "title", Bounds.title)
    if !request.hasDueDate { violations.add("due_date", "is required") }
    dueDate =
      request.hasDueDate
      ? Instant(request.dueDate, of: "due_date", violations: &violations) ?? Instant(seconds: 0)
      : Instant(seconds: 0)
    leadMinutes = Int(request.leadMinutes)
    if !Bounds.leadMinutes.contains(leadMinutes) {
      let bounds = Bounds.leadMinutes
      violations.add("lead_minutes", "must be from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    priority = violations.named(request.priority, "priority") ?? .medium
    try violations.check()
  }

  /// What the user is to be told.
  public var notice: Notice {
    Notice(
      userID: userID,
      // The same task, due date and lead time are the same reminder.
      key: "\(taskID)/\(dueDate.microseconds)/\(leadMinutes)",
      subject: Notice.line("Reminder: \(title)"),
      lines: [.text("Task: \(title)"), .dueDate, .text("Priority: \(priority.name)")],
      dueDate: dueDate,
      countsDown: true
    )
  }
}

/// How far away a due date is, for people.
public enum Remaining {
  /// A sentence such as `Due in 55 minutes.` or `This was due 2 hours ago.`
  public static func sentence(until dueDate: Instant, at now: Instant) -> String {
    let seconds = dueDate.seconds - now.seconds
    let minutes = (abs(seconds) + 30) / 60
    if minutes == 0 { return "Due now." }
    let span =
      switch minutes {
      case ..<120: "\(minutes) minute\(minutes == 1 ? "" : "s")"
      case ..<2880: "\((minutes + 30) / 60) hours"
      default: "\((minutes + 720) / 1440) days"
      }
    return seconds > 0 ? "Due in \(span)." : "This was due \(span) ago."
  }
}
