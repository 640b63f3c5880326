public import API
import Endpoint
public import Values

/// A reminder of a task. An invalid one cannot exist.
public struct ReminderDraft: Sendable {
  /// The task.
  public let taskID: ID
  /// The user to remind.
  public let userID: ID
  /// The task's title.
  public let title: String
  /// The task's due date.
  public let dueDate: Instant
  /// The time before the due date at which the reminder was meant to be sent.
  public let leadMinutes: Int
  /// The task's priority.
  public let priority: TaskPriority

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public init(_ request: SendTaskReminderRequest) throws {
    var violations = Violations()
    taskID = violations.userID(request.taskID, "task_id")
    userID = violations.userID(request.userID)
    title = violations.verbatim(request.title, "title", Bounds.Task.title)
    if !request.hasDueDate { violations.add("due_date", "is required") }
    dueDate =
      request.hasDueDate
      ? Instant(request.dueDate, of: "due_date", violations: &violations) ?? Instant(seconds: 0)
      : Instant(seconds: 0)
    leadMinutes = Int(request.leadMinutes)
    if !Bounds.Reminders.minutes.contains(leadMinutes) {
      let bounds = Bounds.Reminders.minutes
      violations.add("lead_minutes", "must be from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    priority = violations.named(request.priority, "priority") ?? .medium
    try violations.check()
  }

  /// The notification that reminds the user.
  public var notification: NotificationDraft {
    NotificationDraft(
      userID: userID,
      // The same task, due date and lead time are the same reminder.
      key: "\(taskID)/\(dueDate.microseconds)/\(leadMinutes)",
      dueDate: dueDate,
      content: .reminder(title: title, priority: priority)
    )
  }
}
