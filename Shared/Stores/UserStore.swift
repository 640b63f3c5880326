public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The users, in `user_db`.
public struct UserStore {
  static let columns: SQL =
    """
    id, username, email, full_name, role, time_zone, email_notifications, push_notifications, created_at, updated_at, version
    """

  private let database: Database

  /// The users of a database.
  public init(database: Database) { self.database = database }

  /// Whether the name or the address of a draft is taken, before its password costs a hash. Two that come
  /// at once are kept apart by the indexes.
  ///
  /// - Throws: `Problem` `USERNAME_TAKEN`, `EMAIL_TAKEN`; `DatabaseError`.
  public func checkFree(_ draft: UserDraft) throws {
    let query = Query(
      """
      SELECT lower(username) = lower($1) FROM users WHERE lower(username) = lower($1)
      UNION ALL SELECT false FROM users WHERE lower(email) = lower($2)
      """,
      .text(draft.username),
      .text(draft.email)
    )
    let taken = try database.read(query) { try $0.bool(0) }
    guard let isUsername = taken.first else { return }
    throw Problem(
      DatabaseError.refused(
        sqlState: "23505",
        message: "",
        constraint: isUsername ? "users_username_key" : "users_email_key"
      )
    )
  }

  /// Adds a user.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(
    _ draft: UserDraft,
    passwordHash: String,
    id: ID,
    at now: Instant
  ) throws -> UserMessage {
    let query = Query(
      """
      WITH saved AS (
        INSERT INTO users (id, username, email, password, full_name, role, time_zone, created_at, updated_at,
          email_notifications, push_notifications)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10) RETURNING
      """ + " " + Self.columns + "), event AS ("
        + EventStore.insertion(.userSaved, at: "$8") + " FROM saved) SELECT " + Self.columns
        + " FROM saved",
      .text(id.text),
      .text(draft.username),
      .text(draft.email),
      .text(passwordHash),
      .optionalText(draft.fullName),
      .text(draft.role.name),
      .text(draft.timeZone),
      .microseconds(now.microseconds),
      .bool(draft.emailNotifications),
      .bool(draft.pushNotifications)
    )
    let rows = try database.write(query) { try UserMessage(row: $0) }
    return try rows.first ?? find(id)
  }

  /// One user.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND`; `DatabaseError`.
  public func find(_ id: ID) throws -> UserMessage {
    let rows = try database.read(
      Query("SELECT " + Self.columns + " FROM users WHERE id = $1", .text(id.text))
    ) { try UserMessage(row: $0) }
    guard let user = rows.first else { throw Problem.userNotFound }
    return user
  }

  /// Who signs in, with the hash to hold the password against; `nil` when there is nobody of that name.
  ///
  /// - Throws: `DatabaseError`.
  public func credentials(of name: Credentials.Name) throws -> (
    user: UserMessage, passwordHash: String
  )? {
    let query =
      switch name {
      case .username(let username):
        Query(
          "SELECT " + Self.columns + ", password FROM users WHERE lower(username) = lower($1)",
          .text(username)
        )
      case .email(let email):
        Query(
          "SELECT " + Self.columns + ", password FROM users WHERE lower(email) = lower($1)",
          .text(email)
        )
      }
    return try database.read(query) { (try UserMessage(row: $0), try $0.text(11)) }.first
  }

  /// The hash of a user's password.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND`; `DatabaseError`.
  public func passwordHash(of id: ID) throws -> String {
    let query = Query("SELECT password FROM users WHERE id = $1", .text(id.text))
    guard let hash = try database.read(query, map: { try $0.text(0) }).first else {
      throw Problem.userNotFound
    }
    return hash
  }

  /// Puts a hash of higher cost in the place of the one just verified, and tells whether that was still
  /// there.
  ///
  /// - Throws: `DatabaseError`.
  public func replaceHash(of id: String, from old: String, to new: String) throws -> Bool {
    try database.write(
      Query(
        "UPDATE users SET password = $3 WHERE id = $1 AND password = $2",
        .text(id),
        .text(old),
        .text(new)
      )
    ) > 0
  }

  /// Changes a user. A new password ends every session but `sessionID`; a new role ends all of them,
  /// because their access tokens name the old one.
  ///
  /// `verifiedHash` is the hash that the current password was held against; when it is no longer
  ///   the user's, nothing happens.
  /// - Throws: `Problem` `USER_NOT_FOUND`, `VERSION_MISMATCH`, `INVALID_CREDENTIALS`; `DatabaseError`.
  public func update(
    _ id: ID,
    with changes: UserChanges,
    passwordHash: String?,
    verifiedHash: String?,
    keeping sessionID: String?,
    at now: Instant
  ) throws -> UserMessage {
    let query = Self.updateQuery(id, changes, passwordHash, verifiedHash, now)
    for _ in 0..<3 {
      let user =
        passwordHash == nil && changes.role == nil
        ? try database.write(query, map: { try UserMessage(row: $0) }).first
        : try database.transaction { transaction in
          let user = try transaction.run(query) { try UserMessage(row: $0) }.first
          if user != nil {
            try SessionStore.endAll(
              of: id.text,
              keeping: changes.role == nil ? sessionID : nil,
              reason: changes.role == nil ? "PASSWORD_CHANGE" : "ROLE_CHANGE",
              at: now,
              transaction
            )
          }
          return user
        }
      if let user { return user }
      // Nothing matched: find out why.
      let version = try find(id).version
      if let expected = changes.expectedVersion, version != expected {
        throw Problem.changed("user", since: version)
      }
      if let verifiedHash, try self.passwordHash(of: id) != verifiedHash {
        throw Problem(.invalidCredentials, "the password was changed at the same time")
      }
      // Somebody changed it between the two statements: now it may match.
    }
    throw Problem.unavailable(cause: "user \(id) changed between three attempts")
  }

  private static func updateQuery(
    _ id: ID,
    _ changes: UserChanges,
    _ passwordHash: String?,
    _ verifiedHash: String?,
    _ now: Instant
  ) -> Query {
    var query = Query(
      "UPDATE users SET version = version + 1, updated_at = $2",
      .text(id.text),
      .microseconds(now.microseconds)
    )
    if let username = changes.username {
      query.sql += ", username = " + query.bind(.text(username))
    }
    if let email = changes.email { query.sql += ", email = " + query.bind(.text(email)) }
    if let fullName = changes.fullName {
      query.sql += ", full_name = " + query.bind(.optionalText(fullName))
    }
    if let timeZone = changes.timeZone {
      query.sql += ", time_zone = " + query.bind(.text(timeZone))
    }
    if let isOn = changes.emailNotifications {
      query.sql += ", email_notifications = " + query.bind(.bool(isOn))
    }
    if let isOn = changes.pushNotifications {
      query.sql += ", push_notifications = " + query.bind(.bool(isOn))
    }
    if let role = changes.role { query.sql += ", role = " + query.bind(.text(role.name)) }
    if let passwordHash { query.sql += ", password = " + query.bind(.text(passwordHash)) }
    query.sql += " WHERE id = $1"
    if let version = changes.expectedVersion {
      query.sql += " AND version = " + query.bind(.integer(version))
    }
    if let verifiedHash { query.sql += " AND password = " + query.bind(.text(verifiedHash)) }
    query.sql += " RETURNING " + columns
    if changes.concernsOthers {
      query.sql =
        "WITH saved AS (" + query.sql + "), event AS ("
        + EventStore.insertion(.userSaved, at: "$2") + " FROM saved) SELECT " + columns
        + " FROM saved"
    }
    return query
  }

  /// Switches a user's mail off, if there is such a user and it is on.
  ///
  /// - Throws: `DatabaseError`.
  public func switchMailOff(_ id: ID, at now: Instant) throws {
    var query = Query(
      """
      WITH saved AS (
        UPDATE users SET email_notifications = false, version = version + 1, updated_at = $2
        WHERE id = $1 AND email_notifications RETURNING id)
      """,
      .text(id.text),
      .microseconds(now.microseconds)
    )
    query.sql += " " + EventStore.insertion(.userSaved, at: "$2") + " FROM saved"
    _ = try database.write(query)
  }

  /// Removes a user; the sessions go with it, and an event has all else removed.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND`, `VERSION_MISMATCH`; `DatabaseError`.
  public func delete(_ id: ID, expectedVersion: Int64?, at now: Instant) throws {
    var query = Query(
      "WITH gone AS (DELETE FROM users WHERE id = $1",
      .text(id.text),
      .microseconds(now.microseconds)
    )
    if let expectedVersion {
      query.sql += " AND version = " + query.bind(.integer(expectedVersion))
    }
    query.sql += " RETURNING id) " + EventStore.insertion(.userDeleted, at: "$2") + " FROM gone"
    guard try database.write(query) == 0 else { return }
    throw Problem.changed("user", since: try find(id).version)
  }

  /// One page of users, the newest first.
  ///
  /// - Throws: `DatabaseError`, or what the seal of the page token throws.
  public func page(_ listing: UserListing, pages: PageTokens) throws -> ListUsersResponse {
    var query = Query("SELECT " + Self.columns + " FROM users")
    if let cursor = listing.page.after {
      let key = query.bind(.text(cursor.key))
      query.sql += " WHERE (created_at, id) < (" + key + ", " + query.bind(.text(cursor.id)) + ")"
    }
    query.sql += " ORDER BY created_at DESC, id DESC LIMIT "
    query.sql += query.bind(.integer(Int64(listing.page.size + 1)))
    var users = try database.read(query) { try UserMessage(row: $0) }
    var response = ListUsersResponse()
    response.nextPageToken = try users.cut(to: listing.page) {
      try listing.pageToken(after: $0, pages: pages)
    }
    response.users = users
    return response
  }
}

extension UserMessage {
  /// The columns of `UserStore.columns`, from `first` on.
  init(row: Row, from first: Int32 = 0) throws {
    self.init()
    id = try row.text(first)
    username = try row.text(first + 1)
    email = try row.text(first + 2)
    if let fullName = try row.optionalText(first + 3) { self.fullName = fullName }
    role = Role(name: try row.text(first + 4)) ?? .unspecified
    timeZone = try row.text(first + 5)
    emailNotifications = try row.bool(first + 6)
    pushNotifications = try row.bool(first + 7)
    createdAt = Timestamp(try row.instant(first + 8))
    updatedAt = Timestamp(try row.instant(first + 9))
    version = try row.integer(first + 10)
  }
}
