import API
import Endpoint
import Notifications
import Runtime
import ServiceClient
import Serving
import Validation

/// gRPC `notification.v1.NotificationService/SendTaskReminder`: reminds a user of a task that is due.
///
/// Open to services. The reminder is stored for each channel that the user has turned on, and sent by
/// `deliver-notifications`. The same task, due date and lead time get the same answer again: nobody is reminded twice.
/// `USER_NOT_FOUND` when there is no such user, `CONTACT_UNKNOWN` while the User service is unavailable and the user's
/// contact is not yet known.
@main
struct SendTaskReminder: Function {
  static let contract = FunctionContract.sendTaskReminder

  let notifier: UserNotifier

  func input(from request: SendTaskReminderRequest, in context: Context) throws -> NotificationDraft
  {
    try ReminderDraft(request).notification
  }

  func respond(to draft: NotificationDraft, in context: Context) throws -> SentNotifications {
    try notifier.notify(draft, in: context)
  }

  static func main() {
    Serving.run {
      let users = UserDirectory(try $0.access(to: .user))
      return SendTaskReminder(
        notifier: UserNotifier(notifications: $0.notifications, contacts: $0.contacts, users: users)
      )
    }
  }
}
