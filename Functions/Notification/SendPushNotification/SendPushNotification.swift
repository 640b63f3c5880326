import API
import Endpoint
import Notifications
import Runtime
import Serving
import Stores
import Validation

/// `POST /api/v1/notifications/push`, gRPC `notification.v1.NotificationService/SendPushNotification`: sends a message to a
/// user's browsers.
///
/// Open to admins and services. The message is stored before the first attempt. If a push service does not accept it at
/// once, `deliver-notifications` sends it later. The answer tells them apart: 201 when it has been sent, else 202.
/// `NO_SUBSCRIPTION` when none of the user's browsers is subscribed, `USER_NOT_FOUND` when the user has been deleted.
@main
struct SendPushNotification: Function {
  static let contract = FunctionContract.sendPushNotification

  let pushes: Timed<PushStore>
  let notifications: Timed<NotificationStore>
  let outbox: NotificationOutbox

  func input(from request: SendPushNotificationRequest, in context: Context) throws -> PushDraft {
    try PushDraft(request)
  }

  func respond(to draft: PushDraft, in context: Context) throws -> NotificationMessage {
    let id = context.newID()
    let attempt = try pushes(by: context.deadline).insert(
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
      SendPushNotification(
        pushes: $0.pushes,
        notifications: $0.notifications,
        outbox: try NotificationOutbox.push($0)
      )
    }
  }
}
