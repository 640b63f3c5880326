public import API
import Endpoint
public import Values

/// A push message. An invalid one cannot exist.
public struct PushDraft: Sendable {
  /// The user whose browsers are to receive it.
  public let userID: ID
  /// 1 to 255 characters in one line.
  public let subject: String
  /// At most 2,000 characters of plain text.
  public let body: String

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public init(_ request: SendPushNotificationRequest) throws {
    var violations = Violations()
    userID = violations.userID(request.userID)
    subject = violations.line(request.subject, "subject", Bounds.Notification.subject)
    body = violations.text(request.body, "body", Bounds.SendPushNotificationRequest.body)
    try violations.check()
  }
}
