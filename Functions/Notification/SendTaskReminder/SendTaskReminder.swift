import API
import Endpoint
import Rules
import ServiceClient
import Serving
import Stores
import Values

/// gRPC `notification.v1.NotificationService/SendTaskReminder`: reminds somebody of a task that is due.
///
/// For services. It is written down and sent by `deliver-notifications`. Asked again for the same task, due date and lead
/// time it gives what it gave before: nobody is reminded twice. The address and the time zone are what the User service
/// says now, or else what it has said last; when it never has, `CONTACT_UNKNOWN`. `USER_NOT_FOUND` when there is no such user.
@main
struct SendTaskReminder: Function {
  static let route = Route(rpc: "notification.v1.NotificationService/SendTaskReminder")
  static let access = Access.roles([.service])
  static let problems: [Problem.Code] = [.userNotFound, .contactUnknown]

  let notifications: NotificationStore
  let contacts: ContactStore
  let users: UserDirectory

  static func validate(_ request: SendTaskReminderRequest, in context: Context) throws {
    _ = try ReminderDraft(request)
  }

  func respond(to request: SendTaskReminderRequest, in context: Context) throws
    -> SentNotifications
  {
    let draft = try ReminderDraft(request)
    if let known = try notifications.find(draft) { return .with { $0.notifications = [known] } }
    guard let contact = try contact(for: draft, in: context) else {
      throw Problem(.contactUnknown, "how to reach the user is not known yet")
    }
    let made = try notifications.insert(
      draft,
      recipient: contact.email,
      localTime: contact.localTime,
      id: context.newID(),
      at: context.now
    )
    return .with { $0.notifications = [made] }
  }

  private func contact(for draft: ReminderDraft, in context: Context) throws -> ContactStore
    .Contact?
  {
    switch users.answer(about: draft.userID, in: context) {
    case .known(let user):
      return try contacts.save(user, localTimeOf: draft.dueDate, at: context.now)
    case .unknown:
      try contacts.delete(draft.userID)
      throw Problem.userNotFound
    case .silence: return try contacts.find(draft.userID, localTimeOf: draft.dueDate)
    }
  }

  static func main() {
    Serving.run {
      let users = UserDirectory(try $0.access(to: "user"))
      return SendTaskReminder(notifications: $0.notifications, contacts: $0.contacts, users: users)
    }
  }
}
