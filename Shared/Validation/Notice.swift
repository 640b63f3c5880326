public import API
import Endpoint
public import Values

/// Something that a user is to be told, once: one that is not sound cannot exist.
public struct Notice: Sendable {
  /// A part of the text.
  enum Line {
    case text(String)
    /// When it is due, where the user lives.
    case dueDate
  }

  /// Whom to tell.
  public let userID: ID
  /// What makes two of them the same.
  public let key: String
  /// 1 to 255 characters in one line.
  public let subject: String
  /// What it speaks of is due then.
  public let dueDate: Instant?
  /// Whether it begins with how far away that is at the moment when it is sent.
  public let countsDown: Bool
  private let lines: [Line]

  init(
    userID: ID,
    key: String,
    subject: String,
    lines: [Line],
    dueDate: Instant?,
    countsDown: Bool
  ) {
    self.userID = userID
    self.key = key
    self.subject = subject
    self.lines = lines
    self.dueDate = dueDate
    self.countsDown = countsDown
  }

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every bad field.
  public init(_ request: NotifyUserRequest) throws {
    var violations = Violations()
    userID = violations.userID(request.userID)
    key = violations.line(request.key, "key", Bounds.notificationKey)
    subject = violations.line(request.subject, "subject", Bounds.subject)
    let body = violations.text(request.body, "body", Bounds.noticeBody)
    dueDate =
      request.hasDueDate ? Instant(request.dueDate, of: "due_date", violations: &violations) : nil
    lines = [.text(body)] + (dueDate == nil ? [] : [.dueDate])
    countsDown = false
    try violations.check()
  }

  /// A subject made of something that people wrote: one line, not too long.
  public static func line(_ text: String) -> String {
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(Bounds.subject.upperBound) {
      line.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
    }
    return String(line)
  }

  /// The text, `localTime` being the due date where the user lives.
  public func body(localTime: String) -> String {
    lines.map { line in
      switch line {
      case .text(let text): text
      case .dueDate: "Due: \(localTime)"
      }
    }.joined(separator: "\n")
  }
}
