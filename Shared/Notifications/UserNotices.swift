public import API
public import Endpoint
public import ServiceClient
public import Stores
public import Validation
import Values

/// Writes down what users are to be told, once for each channel that they have on.
///
/// The address, the time zone and the channels are what the User service says now, or else what it has said last.
public struct UserNotices {
  private let notifications: Timed<NotificationStore>
  private let contacts: Timed<ContactStore>
  private let users: UserDirectory

  /// Notices of a database, to users of a directory.
  public init(
    notifications: Timed<NotificationStore>,
    contacts: Timed<ContactStore>,
    users: UserDirectory
  ) {
    self.notifications = notifications
    self.contacts = contacts
    self.users = users
  }

  /// Writes a notice down, or finds what was written down before under the same key. Nothing for a user who has all
  /// channels off.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND`, `CONTACT_UNKNOWN` when nothing is known of the user yet; `DatabaseError`.
  public func tell(_ notice: Notice, in context: Context) throws -> SentNotifications {
    let known = try notifications(by: context.deadline).find(notice)
    if !known.isEmpty { return SentNotifications.with { $0.notifications = known } }
    let contact = try contact(for: notice, in: context)
    guard contact.wantsAnything else { return SentNotifications() }
    let written = try notifications(by: context.deadline).insert(
      notice,
      localTime: contact.localTime,
      ids: (context.newID(), context.newID()),
      at: context.now
    )
    if written.isEmpty, try contacts(by: context.deadline).isForgotten(notice.userID) {
      throw Problem.userNotFound
    }
    return SentNotifications.with { $0.notifications = written }
  }

  private func contact(for notice: Notice, in context: Context) throws -> ContactStore.Contact {
    let instant = notice.dueDate ?? context.now
    var contact: ContactStore.Contact?
    switch users.answer(about: notice.userID, in: context) {
    case .known(let user):
      // Most of the time nothing has changed, and a question costs less than a write.
      contact = try contacts(by: context.deadline).find(notice.userID, localTimeOf: instant)
      if contact.map({ $0.version < user.version || user.version == 0 }) ?? true {
        contact = try contacts(by: context.deadline).save(
          user,
          localTimeOf: instant,
          at: context.now
        )
      }
    case .unknown: throw Problem.userNotFound
    case .silence:
      contact = try contacts(by: context.deadline).find(notice.userID, localTimeOf: instant)
    }
    if let contact { return contact }
    if try contacts(by: context.deadline).isForgotten(notice.userID) { throw Problem.userNotFound }
    throw Problem(.contactUnknown, "how to reach the user is not known yet")
  }
}
