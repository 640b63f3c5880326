import API
import Endpoint
import Notifications
import Runtime
import ServiceClient
import Serving
import Validation

/// gRPC `notification.v1.NotificationService/SendTaskReminder`: reminds somebody of a task that is due.
///
/// For services. It is written down for each channel that the user has on, and sent by `deliver-notifications`. Asked
/// again for the same task, due date and lead time it gives what it gave before: nobody is reminded twice.
/// `USER_NOT_FOUND` when there is no such user, `CONTACT_UNKNOWN` while the User service does not answer and never has
/// said anything of the user.
@main
struct SendTaskReminder: Function {
  static let route = Route(rpc: "notification.v1.NotificationService/SendTaskReminder")
  static let access = Access.roles([.service])
  static let problems: [Problem.Code] = [.userNotFound, .contactUnknown]

  let notifier: UserNotifier

  static func validate(_ request: SendTaskReminderRequest, in context: Context) throws {
    _ = try ReminderDraft(request)
  }

  func respond(to request: SendTaskReminderRequest, in context: Context) throws
    -> SentNotifications
  {
    try notifier.notify(try ReminderDraft(request).notification, in: context)
  }

  static func main() {
    Serving.run {
      let users = UserDirectory(try $0.access(to: "user"))
      return SendTaskReminder(
        notifier: UserNotifier(notifications: $0.notifications, contacts: $0.contacts, users: users)
      )
    }
  }
}
