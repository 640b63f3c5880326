public import API
public import PostgreSQL
public import Values

/// The ways to reach the users, in `notification_db`: a copy of what the User service last said.
///
/// Of a user who was deleted, only a row that says so is kept, for anything that was still on its way to them.
public struct ContactStore {
  /// The way to reach a user.
  public struct Contact: Equatable, Sendable {
    /// The e-mail address.
    public let email: String
    /// Whether any channel of the user is on.
    public let wantsAnything: Bool
    /// The requested instant in the user's time zone: `Thursday, 31 January 2030, 17:00 CET, UTC+1 (Europe/Berlin)`.
    public let localTime: String
    /// The version of the user from which this was copied; 0 when it is not known.
    public let version: Int64
  }

  private let database: TimedDatabase

  /// The contacts of a database.
  public init(database: TimedDatabase) { self.database = database }

  private static let insertion: SQL = """
    INSERT INTO contacts
      (user_id, email, time_zone, updated_at, email_notifications, push_notifications, version)
    VALUES (:user_id, :email, :time_zone, :now, :email_notifications, :push_notifications, :version)
    ON CONFLICT (user_id) DO UPDATE SET
      email = excluded.email, time_zone = excluded.time_zone, updated_at = excluded.updated_at,
      email_notifications = excluded.email_notifications, push_notifications = excluded.push_notifications,
      version = excluded.version
    WHERE contacts.version <= excluded.version AND contacts.forgotten_at IS NULL
    """

  private static func arguments(_ contact: SaveContactRequest, at now: Instant) -> Query.Arguments {
    [
      "user_id": .text(contact.userID),
      "email": .text(contact.email),
      "time_zone": .text(contact.timeZone),
      "now": .instant(now),
      "email_notifications": .bool(!contact.hasEmailNotifications || contact.emailNotifications),
      "push_notifications": .bool(!contact.hasPushNotifications || contact.pushNotifications),
      "version": .integer(contact.version),
    ]
  }

  private static let save = Statement(
    """
    WITH saved AS (\(insertion) RETURNING user_id, email_notifications, push_notifications)
    UPDATE notifications n SET next_attempt_at = NULL, last_error = 'the user has switched this off'
    FROM saved WHERE n.user_id = saved.user_id AND n.key IS NOT NULL AND n.next_attempt_at IS NOT NULL
      AND NOT CASE n.type WHEN 'EMAIL' THEN saved.email_notifications ELSE saved.push_notifications END
    """
  )

  /// Saves a contact from the User service, unless something newer is known or the user was deleted. Notifications that
  /// still wait for a channel that is off now are discarded.
  ///
  /// - Throws: `DatabaseError`.
  public func save(_ contact: SaveContactRequest, at now: Instant) throws {
    _ = try database.write(Query(Self.save, Self.arguments(contact, at: now)))
  }

  /// A statement whose result is a contact, in two versions: with the user's time zone, and with UTC for a zone that
  /// the database does not know.
  private struct Localized {
    let inZoneOfUser: Statement
    let inUTC: Statement

    init(_ statement: (_ contact: SQL) -> SQL) {
      inZoneOfUser = Statement(statement(Self.contact(in: "time_zone")))
      inUTC = Statement(statement(Self.contact(in: "'UTC'::text")))
    }

    /// PostgreSQL knows the rules of all time zones, including daylight saving.
    private static func contact(in zone: SQL) -> SQL {
      "email, email_notifications OR push_notifications, local_time(:instant::timestamptz, \(zone)), version"
    }
  }

  private static let saveAndFind = Localized { contact in "\(insertion) RETURNING \(contact)" }

  /// Saves a contact as `save(_:at:)` does.
  ///
  /// - Returns: the newest contact, with an instant in the user's time zone; `nil` for a user who was deleted.
  /// - Throws: `DatabaseError`.
  public func save(_ user: UserMessage, localTimeOf instant: Instant, at now: Instant) throws
    -> Contact?
  {
    let arguments = Self.arguments(SaveContactRequest(user), at: now)
      .adding("instant", .instant(instant))
    let saved = try inKnownZone(Self.saveAndFind) {
      try database.write(Query($0, arguments), map: Contact.init(row:)).first
    }
    if let saved { return saved }
    guard let id = ID(user.id) else { return nil }
    return try find(id, localTimeOf: instant)
  }

  private static let find = Localized { contact in
    "SELECT \(contact) FROM contacts WHERE user_id = :user AND forgotten_at IS NULL"
  }

  /// Finds a user's contact; `nil` when nothing is known, and when the user was deleted.
  ///
  /// - Throws: `DatabaseError`.
  public func find(_ user: ID, localTimeOf instant: Instant) throws -> Contact? {
    try inKnownZone(Self.find) {
      try database.first(
        Query($0, ["instant": .instant(instant), "user": .id(user)]),
        map: Contact.init(row:)
      )
    }
  }

  private static let isForgotten = Statement(
    "SELECT EXISTS (SELECT FROM contacts WHERE user_id = :user AND forgotten_at IS NOT NULL)"
  )

  /// Tells whether a user is known to be deleted.
  ///
  /// - Throws: `DatabaseError`.
  public func isForgotten(_ user: ID) throws -> Bool {
    try database.one(Query(Self.isForgotten, ["user": .id(user)])) { try $0.bool(0) }
  }

  private static let forget = Statement(
    """
    INSERT INTO contacts (user_id, email, time_zone, updated_at, forgotten_at)
    VALUES (:user, '', 'UTC', :now, :now)
    ON CONFLICT (user_id) DO UPDATE SET email = '', time_zone = 'UTC', updated_at = :now,
      forgotten_at = coalesce(contacts.forgotten_at, :now)
    """
  )

  private static let deleteUnsent = Statement(
    "DELETE FROM notifications WHERE user_id = :user AND NOT sent"
  )

  private static let deleteSubscriptions = Statement(
    "DELETE FROM push_subscriptions WHERE user_id = :user"
  )

  /// Forgets a deleted user for good: the address, the notifications still to be sent, and the browsers. Those that
  /// have been sent are removed by `NotificationStore.deleteSome(of:limit:)`.
  ///
  /// - Throws: `DatabaseError`.
  public func forget(_ user: ID, at now: Instant) throws {
    try database.transaction { transaction in
      // Wait for whoever saves a subscription of this user; there may be no row to wait for.
      try PushSubscriptionStore.lock(user, transaction)
      // Whoever adds something for this user has locked this row, so this waits for them.
      try transaction.run(Query(Self.forget, ["user": .id(user), "now": .instant(now)]))
      try transaction.run(Query(Self.deleteUnsent, ["user": .id(user)]))
      try transaction.run(Query(Self.deleteSubscriptions, ["user": .id(user)]))
    }
  }

  private static let purge = Statement(
    """
    DELETE FROM contacts WHERE user_id IN (
      SELECT user_id FROM contacts WHERE forgotten_at < :before ORDER BY forgotten_at LIMIT :limit)
    """
  )

  /// Removes up to `limit` users who were forgotten before an instant.
  ///
  /// - Returns: the number of users removed.
  /// - Throws: `DatabaseError`.
  public func purge(forgottenBefore instant: Instant, limit: Int) throws -> Int {
    try database.write(
      Query(Self.purge, ["before": .instant(instant), "limit": .integer(limit)])
    )
  }

  /// Falls back on UTC for a zone that is in this host's files and not in the database's (22023): that must not keep
  /// anybody from being reminded.
  private func inKnownZone<T>(_ statement: Localized, _ body: (Statement) throws -> T) throws -> T {
    do {
      return try body(statement.inZoneOfUser)
    } catch DatabaseError.refused(sqlState: "22023", _, _) {
      return try body(statement.inUTC)
    }
  }
}

extension ContactStore.Contact {
  fileprivate init(row: Row) throws {
    self.init(
      email: try row.text(0),
      wantsAnything: try row.bool(1),
      localTime: try row.text(2),
      version: try row.integer(3)
    )
  }
}

extension SaveContactRequest {
  /// The part of a user that other services keep.
  public init(_ user: UserMessage) {
    self.init()
    userID = user.id
    email = user.email
    timeZone = user.timeZone
    if user.hasEmailNotifications { emailNotifications = user.emailNotifications }
    if user.hasPushNotifications { pushNotifications = user.pushNotifications }
    version = user.version
  }
}
