import API
import Endpoint
import Notifications
import Runtime
import Serving
import Stores
import Validation

/// `POST /api/v1/notifications/email`, gRPC `notification.v1.NotificationService/SendEmail`: sends an e-mail.
///
/// For admins and services. It is written down before it is tried; what the mail server does not take at once is
/// sent later by `deliver-notifications`, and the answer says so: 201 when it is sent, else 202. Fields that are not sound
/// are an `INVALID_ARGUMENT`.
@main
struct SendEmail: Function {
  static let route = Route(
    .post,
    path: "/api/v1/notifications/email",
    rpc: "notification.v1.NotificationService/SendEmail",
    creates: "/api/v1/notifications/{id}"
  )
  static let access = Access.roles([.admin, .service])
  static let problems: [Problem.Code] = []

  let notifications: NotificationStore
  let outbox: NotificationOutbox

  static func validate(_ request: SendEmailRequest, in context: Context) throws {
    _ = try EmailDraft(request)
  }

  func respond(to request: SendEmailRequest, in context: Context) throws -> NotificationMessage {
    let draft = try EmailDraft(request)
    let id = context.newID()
    let attempt = try notifications.insert(
      draft,
      id: id,
      at: context.now,
      heldUntil: outbox.leaseEnd(from: context.now)
    )
    try outbox.tryAtOnce(attempt, in: context)
    return try notifications.find(id, owner: nil)
  }

  static func main() {
    Serving.run {
      SendEmail(notifications: $0.notifications, outbox: try NotificationOutbox.mail($0))
    }
  }
}
