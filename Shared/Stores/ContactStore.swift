public import API
public import PostgreSQL
public import Values

/// How to reach the users, in `notification_db`: a copy of what the User service has last said.
public struct ContactStore {
  /// Where to write to somebody.
  public struct Contact: Equatable, Sendable {
    /// The e-mail address.
    public let email: String
    /// The instant that was asked for, where the user lives: `Friday, 31 January 2030, 17:00 (Europe/Berlin)`.
    public let localTime: String
  }

  /// PostgreSQL has the rules of all time zones, summer time included.
  private static func result(zone: SQL) -> SQL {
    "email, to_char($2::timestamptz AT TIME ZONE " + zone
      + ", 'FMDay, FMDD FMMonth YYYY, HH24:MI') || ' (' || " + zone + " || ')'"
  }

  private let database: Database

  /// The contacts of a database.
  public init(database: Database) { self.database = database }

  /// Keeps what the User service says, and gives an instant in the user's time zone.
  ///
  /// - Throws: `DatabaseError`.
  public func save(_ user: UserMessage, localTimeOf instant: Instant, at now: Instant) throws
    -> Contact?
  {
    try inKnownZone { zone in
      let query = Query(
        """
        INSERT INTO contacts (user_id, email, time_zone, updated_at) VALUES ($1, $3, $4, $5)
        ON CONFLICT (user_id) DO UPDATE SET
          email = excluded.email, time_zone = excluded.time_zone, updated_at = excluded.updated_at
        RETURNING
        """ + " " + Self.result(zone: zone),
        .text(user.id),
        .microseconds(instant.microseconds),
        .text(user.email),
        .text(user.timeZone),
        .microseconds(now.microseconds)
      )
      return try database.write(query, map: Contact.init(row:)).first
    }
  }

  /// What is known of a user; `nil` when nothing is.
  ///
  /// - Throws: `DatabaseError`.
  public func find(_ user: ID, localTimeOf instant: Instant) throws -> Contact? {
    try inKnownZone { zone in
      let query = Query(
        "SELECT " + Self.result(zone: zone) + " FROM contacts WHERE user_id = $1",
        .text(user.text),
        .microseconds(instant.microseconds)
      )
      return try database.read(query, map: Contact.init(row:)).first
    }
  }

  /// Forgets a user who is no more.
  ///
  /// - Throws: `DatabaseError`.
  public func delete(_ user: ID) throws {
    _ = try database.write(Query("DELETE FROM contacts WHERE user_id = $1", .text(user.text)))
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
    self.init(email: try row.text(0), localTime: try row.text(1))
  }
}
