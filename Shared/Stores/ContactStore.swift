public import API
public import PostgreSQL
public import Values

/// How to reach the users, in `notification_db`: a copy of what the User service has last said.
///
/// Of a user who is no more a row is kept that says so, and nothing else: whatever was on its way to them then finds it.
public struct ContactStore {
  /// Where to write to somebody.
  public struct Contact: Equatable, Sendable {
    /// The e-mail address.
    public let email: String
    /// Whether the user wants to be told things by any channel.
    public let wantsAnything: Bool
    /// The instant that was asked for, where the user lives: `Friday, 31 January 2030, 17:00 (Europe/Berlin)`.
    public let localTime: String
    /// The user's version that this is of; 0 when it was not said.
    public let version: Int64
  }

  /// PostgreSQL has the rules of all time zones, summer time included.
  private static func result(of instant: SQL, in zone: SQL) -> SQL {
    "email, email_notifications OR push_notifications, to_char(" + instant
      + "::timestamptz AT TIME ZONE " + zone
      + ", 'FMDay, FMDD FMMonth YYYY, HH24:MI') || ' (' || " + zone + " || ')', version"
  }

  private let database: Database

  /// The contacts of a database.
  public init(database: Database) { self.database = database }

  /// Keeps what the User service says, unless something newer is known or the user is no more. What still waits to be
  /// told by a channel that is off now is given up.
  ///
  /// - Throws: `DatabaseError`.
  public func save(_ contact: SaveContactRequest, at now: Instant) throws {
    var query = Self.saveQuery(contact, at: now)
    query.sql = "WITH saved AS (" + query.sql
    query.sql += """
       RETURNING user_id, email_notifications, push_notifications)
      UPDATE notifications n SET next_attempt_at = NULL, last_error = 'the user has switched this off'
      FROM saved WHERE n.user_id = saved.user_id AND n.key IS NOT NULL AND n.next_attempt_at IS NOT NULL
        AND NOT CASE n.type WHEN 'EMAIL' THEN saved.email_notifications ELSE saved.push_notifications END
      """
    _ = try database.write(query)
  }

  /// Keeps what the User service says as `save(_:at:)` does, and gives what is known then, with an instant in the user's
  /// time zone; `nil` for a user who is no more.
  ///
  /// - Throws: `DatabaseError`.
  public func save(_ user: UserMessage, localTimeOf instant: Instant, at now: Instant) throws
    -> Contact?
  {
    let saved = try inKnownZone { zone in
      var query = Self.saveQuery(SaveContactRequest(user), at: now)
      let instant = query.bind(.microseconds(instant.microseconds))
      query.sql += " RETURNING " + Self.result(of: instant, in: zone)
      return try database.write(query, map: Contact.init(row:)).first
    }
    if let saved { return saved }
    guard let id = ID(user.id) else { return nil }
    return try find(id, localTimeOf: instant)
  }

  private static func saveQuery(_ contact: SaveContactRequest, at now: Instant) -> Query {
    Query(
      """
      INSERT INTO contacts
        (user_id, email, time_zone, updated_at, email_notifications, push_notifications, version)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      ON CONFLICT (user_id) DO UPDATE SET
        email = excluded.email, time_zone = excluded.time_zone, updated_at = excluded.updated_at,
        email_notifications = excluded.email_notifications, push_notifications = excluded.push_notifications,
        version = excluded.version
      WHERE contacts.version <= excluded.version AND contacts.forgotten_at IS NULL
      """,
      .text(contact.userID),
      .text(contact.email),
      .text(contact.timeZone),
      .microseconds(now.microseconds),
      .bool(!contact.hasEmailNotifications || contact.emailNotifications),
      .bool(!contact.hasPushNotifications || contact.pushNotifications),
      .integer(contact.version)
    )
  }

  /// What is known of a user; `nil` when nothing is, and when the user is no more.
  ///
  /// - Throws: `DatabaseError`.
  public func find(_ user: ID, localTimeOf instant: Instant) throws -> Contact? {
    try inKnownZone { zone in
      let query = Query(
        "SELECT " + Self.result(of: "$2", in: zone)
          + " FROM contacts WHERE user_id = $1 AND forgotten_at IS NULL",
        .text(user.text),
        .microseconds(instant.microseconds)
      )
      return try database.read(query, map: Contact.init(row:)).first
    }
  }

  /// Whether a user is known to be no more.
  ///
  /// - Throws: `DatabaseError`.
  public func isForgotten(_ user: ID) throws -> Bool {
    let query = Query(
      "SELECT EXISTS (SELECT FROM contacts WHERE user_id = $1 AND forgotten_at IS NOT NULL)",
      .text(user.text)
    )
    return try database.read(query) { try $0.bool(0) }.first ?? false
  }

  /// Forgets a user who is no more, for good: the address, what was still to be sent, and the browsers. What has been
  /// sent goes with `NotificationStore.deleteSome(of:limit:)`.
  ///
  /// - Throws: `DatabaseError`.
  public func forget(_ user: ID, at now: Instant) throws {
    try database.transaction { transaction in
      // Who is taking a subscription of this user; there may be no row to wait for.
      _ = try transaction.run(
        Query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", .text(user.text))
      ) { _ in }
      // Who is writing down something for this user has locked this row, and is waited for.
      try transaction.run(
        Query(
          """
          INSERT INTO contacts (user_id, email, time_zone, updated_at, forgotten_at) VALUES ($1, '', 'UTC', $2, $2)
          ON CONFLICT (user_id) DO UPDATE SET email = '', time_zone = 'UTC', updated_at = $2,
            forgotten_at = coalesce(contacts.forgotten_at, $2)
          """,
          .text(user.text),
          .microseconds(now.microseconds)
        )
      )
      try transaction.run(
        Query("DELETE FROM notifications WHERE user_id = $1 AND NOT sent", .text(user.text))
      )
      try transaction.run(
        Query("DELETE FROM push_subscriptions WHERE user_id = $1", .text(user.text))
      )
    }
  }

  /// Removes up to `limit` users who were forgotten before an instant, and tells how many there were.
  ///
  /// - Throws: `DatabaseError`.
  public func purge(forgottenBefore instant: Instant, limit: Int) throws -> Int {
    let query = Query(
      """
      DELETE FROM contacts WHERE user_id IN (
        SELECT user_id FROM contacts WHERE forgotten_at < $1 ORDER BY forgotten_at LIMIT $2)
      """,
      .microseconds(instant.microseconds),
      .integer(Int64(limit))
    )
    return try database.write(query)
  }

  /// A zone that this host's files have and the database's do not (22023) must keep nobody from being reminded: UTC then.
  private func inKnownZone<T>(_ body: (_ zone: SQL) throws -> T) throws -> T {
    do {
      return try body("time_zone")
    } catch DatabaseError.refused(sqlState: "22023", _, _) {
      return try body("'UTC'::text")
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
  /// What others keep of a user.
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
