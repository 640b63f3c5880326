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
/// For admins and services. It is written down before it is tried; what the push services do not take at once is sent later
/// by `deliver-notifications`, and the answer says so: 201 when it is sent, else 202. `NO_SUBSCRIPTION` when the user has
/// no browser that takes messages, `USER_NOT_FOUND` when they are no more.
@main
struct SendPushNotification: Function {
  static let route = Route(
    .post,
    path: "/api/v1/notifications/push",
    rpc: "notification.v1.NotificationService/SendPushNotification",
    creates: "/api/v1/notifications/{id}"
  )
  static let access = Access.roles([.admin, .service])
  static let problems: [Problem.Code] = [.userNotFound, .noSubscription]

  let pushes: PushStore
  let notifications: NotificationStore
  let outbox: NotificationOutbox

  static func validate(_ request: SendPushNotificationRequest, in context: Context) throws {
    _ = try PushDraft(request)
  }

  func respond(to request: SendPushNotificationRequest, in context: Context) throws
    -> NotificationMessage
  {
    let draft = try PushDraft(request)
    let id = context.newID()
    let attempt = try pushes.insert(
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
      SendPushNotification(
        pushes: $0.pushes,
        notifications: $0.notifications,
        outbox: try NotificationOutbox.push($0)
      )
    }
  }
}
