import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation
import Values

/// `GET /api/v1/notifications/{id}`, gRPC `notification.v1.NotificationService/GetNotification`: one notification and its
/// delivery state.
///
/// Open to its recipient, admins and services; anybody else gets `NOTIFICATION_NOT_FOUND`, as if there were no such
/// notification.
@main
struct GetNotification: Function {
  static let contract = FunctionContract.getNotification

  let notifications: Timed<NotificationStore>

  func respond(to request: GetNotificationRequest, in context: Context) throws
    -> NotificationMessage
  {
    guard let id = ID(request.id) else { throw Problem.notificationNotFound }
    let caller = context.caller
    return try notifications(by: context.deadline).find(
      id,
      owner: caller.seesEverything ? nil : caller.userID
    )
    .shown(to: caller)
  }

  static func main() { Serving.run { GetNotification(notifications: $0.notifications) } }
}
