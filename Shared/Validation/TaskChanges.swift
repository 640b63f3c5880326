public import API
public import Endpoint
public import Values

/// Valid changes to a task; fields that are `nil` stay as they are.
public struct TaskChanges: Sendable {
  /// 1 to 255 characters.
  public let title: String?
  /// At most 10,000 characters, or none.
  public let description: String??
  /// The new status.
  public let status: TaskStatus?
  /// The new priority.
  public let priority: TaskPriority?
  /// The new due date, or none.
  public let dueDate: Instant??
  /// The minutes before the due date at which its owner is reminded, the longest first, or none for the usual ones.
  public let reminders: [Int]??
  /// The new owner.
  public let userID: ID?
  /// The version that the caller has seen.
  public let expectedVersion: Int64?

  /// The list itself, which is empty when it is not set: no reminders, rather than the usual ones.
  private static let minutesOfReminders = "reminders.minutes"

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field; `PERMISSION_DENIED` when somebody
  ///   who is not an admin hands the task to somebody else.
  public init(_ request: UpdateTaskRequest, caller: Caller) throws {
    var violations = Violations()
    let given = request.givenFields
    let changing = violations.changing(
      given,
      mask: request.hasUpdateMask ? request.updateMask : nil,
      replaceable: UpdateTaskRequest.replaceableFields,
      others: UpdateTaskRequest.otherFields,
      inner: [Self.minutesOfReminders]
    )

    if changing.contains("title"), !given.contains("title") {
      violations.add("title", "is required")
    }
    title =
      changing.contains("title") ? violations.text(request.title, "title", Bounds.Task.title) : nil
    description =
      !changing.contains("description")
      ? nil
      : .some(
        request.hasDescription_p
          ? violations.text(request.description_p, "description", Bounds.Task.description) : nil
      )
    status =
      changing.contains("status") ? violations.named(request.status, "status") ?? .pending : nil
    priority =
      changing.contains("priority")
      ? violations.named(request.priority, "priority") ?? .medium : nil
    dueDate =
      !changing.contains("due_date")
      ? nil
      : .some(
        request.hasDueDate ? Instant(request.dueDate, of: "due_date", violations: &violations) : nil
      )
    if changing.contains("reminders") {
      reminders = .some(request.hasReminders ? violations.reminders(request.reminders) : nil)
    } else {
      reminders =
        changing.contains(Self.minutesOfReminders)
        ? .some(violations.reminders(request.reminders)) : nil
    }
    userID =
      changing.contains("user_id")
      ? violations.userID(request.hasUserID ? request.userID : "") : nil
    expectedVersion = request.hasExpectedVersion ? request.expectedVersion : nil
    try violations.check()
    if let userID, userID != caller.userID, caller.role != .admin {
      throw Problem.permissionDenied("only an admin can hand a task to somebody else")
    }
  }
}

extension UpdateTaskRequest {
  /// The changeable fields that are set.
  fileprivate var givenFields: Set<String> {
    var fields: Set<String> = []
    if hasTitle { fields.insert("title") }
    if hasDescription_p { fields.insert("description") }
    if status != .unspecified { fields.insert("status") }
    if priority != .unspecified { fields.insert("priority") }
    if hasDueDate { fields.insert("due_date") }
    if hasReminders { fields.insert("reminders") }
    if hasUserID { fields.insert("user_id") }
    return fields
  }
}
