import API
import Endpoint
import Notifications
import Runtime
import ServiceClient
import Serving
import Validation

/// gRPC `notification.v1.NotificationService/NotifyUser`: queues a notification for a user.
///
/// Open to services. The notification is stored for each channel that the user has turned on, and sent by
/// `deliver-notifications`. A key that was used before gets the same answer as then. `USER_NOT_FOUND` when there is no
/// such user, `CONTACT_UNKNOWN` while the User service is unavailable and the user's contact is not yet known.
@main
struct NotifyUser: Function {
  static let route = Route(rpc: "notification.v1.NotificationService/NotifyUser")
  static let access = Access.roles([.service])
  static let problems: [Problem.Code] = [.userNotFound, .contactUnknown]

  let notifier: UserNotifier

  func input(from request: NotifyUserRequest, in context: Context) throws -> NotificationDraft {
    try NotificationDraft(request)
  }

  func respond(to draft: NotificationDraft, in context: Context) throws -> SentNotifications {
    try notifier.notify(draft, in: context)
  }

  static func main() {
    Serving.run {
      let users = UserDirectory(try $0.access(to: "user"))
      return NotifyUser(
        notifier: UserNotifier(notifications: $0.notifications, contacts: $0.contacts, users: users)
      )
    }
  }
}
