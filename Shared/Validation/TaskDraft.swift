public import API
public import Endpoint
public import Values

/// A new task. An invalid one cannot exist.
public struct TaskDraft: Sendable {
  /// 1 to 255 characters.
  public let title: String
  /// At most 10,000 characters.
  public let description: String?
  /// The initial status.
  public let status: TaskStatus
  /// The priority.
  public let priority: TaskPriority
  /// The owner.
  public let userID: ID
  /// The due date.
  public let dueDate: Instant?
  /// The minutes before the due date at which its owner is reminded, the longest first; `nil` for the usual ones.
  public let reminders: [Int]?

  /// Checks a request and fills in the defaults.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field; `PERMISSION_DENIED` when the task
  ///   would be somebody else's and the caller is neither admin nor service.
  public init(_ request: CreateTaskRequest, caller: Caller) throws {
    var violations = Violations()
    title = violations.text(request.title, "title", Bounds.Task.title)
    description =
      request.hasDescription_p
      ? violations.text(request.description_p, "description", Bounds.Task.description) : nil
    status = violations.named(request.status, "status") ?? .pending
    priority = violations.named(request.priority, "priority") ?? .medium
    dueDate =
      request.hasDueDate
      ? Instant(request.dueDate, of: "due_date", violations: &violations) : nil
    reminders = request.hasReminders ? violations.reminders(request.reminders) : nil
    userID = request.hasUserID ? violations.userID(request.userID) : caller.userID
    try violations.check()
    guard userID == caller.userID || caller.seesEverything else {
      throw Problem.permissionDenied("only an admin can create a task for somebody else")
    }
  }
}

extension Violations {
  /// Checks a value of an enumeration; `nil` when it was not given.
  mutating func named<T: NamedEnum>(_ value: T, _ field: String) -> T? {
    if !value.name.isEmpty { return value }
    if value != T.allCases.first { add(field, "must be one of \(T.names.joined(separator: ", "))") }
    return nil
  }

  /// Minutes before the due date, each once, the longest first.
  mutating func reminders(_ value: TaskReminders, _ field: String = "reminders") -> [Int] {
    let bounds = Bounds.Reminders.minutes
    if value.minutes.count > Bounds.Reminders.minutesCount {
      add(field, "must have at most \(Bounds.Reminders.minutesCount) values")
    }
    if !value.minutes.allSatisfy({ bounds.contains(Int($0)) }) {
      add(field, "must be minutes from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return Set(value.minutes.map(Int.init)).sorted(by: >)
  }

  /// The id of a user.
  mutating func userID(_ value: String, _ field: String = "user_id") -> ID {
    guard let id = ID(value) else {
      add(field, "is not a UUID")
      return ID(stored: value)
    }
    return id
  }
}
