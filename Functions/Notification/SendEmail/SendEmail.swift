import API
import Endpoint
import Notifications
import Runtime
import Serving
import Stores
import Validation

/// `POST /api/v1/notifications/email`, gRPC `notification.v1.NotificationService/SendEmail`: sends an e-mail.
///
/// Open to admins and services. The mail is stored before the first attempt. If the mail server does not accept it
/// at once, `deliver-notifications` sends it later. The answer tells them apart: 201 when it has been sent, else 202.
@main
struct SendEmail: Function {
  static let contract = FunctionContract.sendEmail

  let notifications: Timed<NotificationStore>
  let outbox: NotificationOutbox

  func input(from request: SendEmailRequest, in context: Context) throws -> EmailDraft {
    try EmailDraft(request)
  }

  func respond(to draft: EmailDraft, in context: Context) throws -> NotificationMessage {
    let id = context.newID()
    let attempt = try notifications(by: context.deadline).insert(
      draft,
      id: id,
      at: context.now,
      leasedUntil: outbox.leaseEnd(from: context.now)
    )
    try outbox.tryAtOnce(attempt, in: context)
    return try notifications(by: context.deadline).find(id, owner: nil)
  }

  static func main() {
    Serving.run {
      SendEmail(notifications: $0.notifications, outbox: try NotificationOutbox.mail($0))
    }
  }
}
