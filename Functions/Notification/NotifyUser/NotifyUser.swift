import API
import Endpoint
import Notifications
import Runtime
import ServiceClient
import Serving
import Validation

/// gRPC `notification.v1.NotificationService/NotifyUser`: tells a user something.
///
/// For services. It is written down for each channel that the user has on, and sent by `deliver-notifications`. With a
/// key that was used before it gives what it gave then. `USER_NOT_FOUND` when there is no such user, `CONTACT_UNKNOWN`
/// while the User service does not answer and never has said anything of the user.
@main
struct NotifyUser: Function {
  static let route = Route(rpc: "notification.v1.NotificationService/NotifyUser")
  static let access = Access.roles([.service])
  static let problems: [Problem.Code] = [.userNotFound, .contactUnknown]

  let notifier: UserNotifier

  static func validate(_ request: NotifyUserRequest, in context: Context) throws {
    _ = try NotificationDraft(request)
  }

  func respond(to request: NotifyUserRequest, in context: Context) throws -> SentNotifications {
    try notifier.notify(try NotificationDraft(request), in: context)
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
