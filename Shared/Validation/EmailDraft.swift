public import API
import Endpoint

/// An e-mail. An invalid one cannot exist.
public struct EmailDraft: Sendable {
  /// An address that mail can be sent to.
  public let recipient: String
  /// 1 to 255 characters in one line.
  public let subject: String
  /// 1 to 10,000 characters of plain text.
  public let body: String

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public init(_ request: SendEmailRequest) throws {
    var violations = Violations()
    recipient = violations.email(request.recipient, "recipient")
    if request.recipient.utf8.count > Bounds.SendEmailRequest.recipient.upperBound {
      violations.add(
        "recipient",
        "must have at most \(Bounds.SendEmailRequest.recipient.upperBound) characters"
      )
    }
    subject = violations.line(request.subject, "subject", Bounds.Notification.subject)
    body = violations.text(request.body, "body", Bounds.SendEmailRequest.body)
    try violations.check()
  }
}

extension Violations {
  /// Text without control characters, line breaks above all.
  mutating func line(_ value: String, _ field: String, _ range: ClosedRange<Int>) -> String {
    if value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      add(field, "must be one line, without control characters")
    }
    return text(value, field, range)
  }
}
