public import API
import Endpoint
public import Values

/// A notification for a user, to be sent once by each of the user's channels. An invalid one cannot exist.
public struct NotificationDraft: Sendable {
  /// The subject matter.
  enum Content {
    /// A text that another service has written.
    case text(subject: String, body: String)
    /// A task that is due.
    case reminder(title: String, priority: TaskPriority)
  }

  /// The recipient.
  public let userID: ID
  /// The key by which two drafts are the same notification.
  public let key: String
  /// The due date of the task that it concerns.
  public let dueDate: Instant?
  private let content: Content

  init(userID: ID, key: String, dueDate: Instant?, content: Content) {
    self.userID = userID
    self.key = key
    self.dueDate = dueDate
    self.content = content
  }

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public init(_ request: NotifyUserRequest) throws {
    var violations = Violations()
    userID = violations.userID(request.userID)
    key = violations.line(request.key, "key", Bounds.NotifyUserRequest.key)
    content = .text(
      subject: violations.line(request.subject, "subject", Bounds.Notification.subject),
      body: violations.text(request.body, "body", Bounds.NotifyUserRequest.body)
    )
    dueDate =
      request.hasDueDate ? Instant(request.dueDate, of: "due_date", violations: &violations) : nil
    try violations.check()
  }

  /// Whether it tells how far away the due date is when it is sent.
  public var countsDown: Bool {
    switch content {
    case .text: false
    case .reminder: true
    }
  }

  /// 1 to 255 characters in one line.
  public var subject: String {
    switch content {
    case .text(let subject, _): subject
    case .reminder(let title, _): Wording.reminderSubject(title: title)
    }
  }

  /// The text for a user. `localTime` is the due date where the user lives, and is left out when there is none.
  public func body(localTime: String) -> String {
    switch content {
    case .text(_, let body): dueDate == nil ? body : body + "\n" + Wording.due(localTime)
    case .reminder(let title, let priority):
      Wording.reminderBody(title: title, priority: priority, dueAt: localTime)
    }
  }
}
