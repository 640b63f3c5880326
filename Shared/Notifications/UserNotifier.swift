public import API
public import Endpoint
public import ServiceClient
public import Stores
public import Validation
import Values

/// Writes down notifications for users, once for each channel that a user has on.
///
/// The address, the time zone and the channels are those that the User service gives now, or else those that it gave last.
public struct UserNotifier {
  private let notifications: Timed<NotificationStore>
  private let contacts: Timed<ContactStore>
  private let users: UserDirectory

  /// A notifier that writes into a database, for the users of a directory.
  public init(
    notifications: Timed<NotificationStore>,
    contacts: Timed<ContactStore>,
    users: UserDirectory
  ) {
    self.notifications = notifications
    self.contacts = contacts
    self.users = users
  }

  /// Writes a notification down, or finds the one that was written down before under the same key.
  ///
  /// - Returns: one for each channel; none for a user who has all channels off.
  /// - Throws: `Problem` `USER_NOT_FOUND`, `CONTACT_UNKNOWN` when nothing is known of the user yet; `DatabaseError`.
  public func notify(_ draft: NotificationDraft, in context: Context) throws -> SentNotifications {
    let known = try notifications(by: context.deadline).find(draft)
    if !known.isEmpty { return SentNotifications.with { $0.notifications = known } }
    let contact = try contact(for: draft, in: context)
    guard contact.wantsAnything else { return SentNotifications() }
    let written = try notifications(by: context.deadline).insert(
      draft,
      localTime: contact.localTime,
      ids: (context.newID(), context.newID()),
      at: context.now
    )
    if written.isEmpty, try contacts(by: context.deadline).isForgotten(draft.userID) {
      throw Problem.userNotFound
    }
    return SentNotifications.with { $0.notifications = written }
  }

  private func contact(for draft: NotificationDraft, in context: Context) throws
    -> ContactStore.Contact
  {
    let instant = draft.dueDate ?? context.now
    var contact: ContactStore.Contact?
    switch users.answer(about: draft.userID, in: context) {
    case .known(let user):
      // Most of the time nothing has changed, and a query costs less than a write.
      contact = try contacts(by: context.deadline).find(draft.userID, localTimeOf: instant)
      if contact.map({ $0.version < user.version || user.version == 0 }) ?? true {
        contact = try contacts(by: context.deadline).save(
          user,
          localTimeOf: instant,
          at: context.now
        )
      }
    case .unknown: throw Problem.userNotFound
    case .unavailable:
      contact = try contacts(by: context.deadline).find(draft.userID, localTimeOf: instant)
    }
    if let contact { return contact }
    if try contacts(by: context.deadline).isForgotten(draft.userID) { throw Problem.userNotFound }
    throw Problem(.contactUnknown)
  }
}
