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
    subject = violations.line(request.subject, "subject", Bounds.Notification.subject)
    body = violations.text(request.body, "body", Bounds.SendEmailRequest.body)
    try violations.check()
  }
}
