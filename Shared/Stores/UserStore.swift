public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The users, in `user_db`.
public struct UserStore {
  private static let columns: SQL = """
    id, username, email, full_name, role, time_zone, email_notifications, push_notifications, created_at, updated_at,
    version
    """

  private let database: TimedDatabase

  /// The users of a database.
  public init(database: TimedDatabase) { self.database = database }

  private static let findTaken = Statement(
    """
    SELECT lower(username) = lower(:username) FROM users WHERE lower(username) = lower(:username)
    UNION ALL SELECT false FROM users WHERE lower(email) = lower(:email)
    """
  )

  /// Checks that neither the name nor the address of a draft is taken, before the effort of hashing its password. Of
  /// two requests at once, the indexes admit one.
  ///
  /// - Throws: `Problem` `USERNAME_TAKEN`, `EMAIL_TAKEN`; `DatabaseError`.
  public func checkFree(_ draft: UserDraft) throws {
    let query = Query(
      Self.findTaken,
      ["username": .text(draft.username), "email": .text(draft.email)]
    )
    let isUsername = try database.first(query) { try $0.bool(0) }
    guard let isUsername else { return }
    throw isUsername ? Problem.usernameTaken : Problem.emailTaken
  }

  private static let insert = Statement(
    """
    WITH saved AS (
      INSERT INTO users (id, username, email, password, full_name, role, time_zone, created_at, updated_at,
        email_notifications, push_notifications)
      VALUES (:id, :username, :email, :password, :full_name, :role, :time_zone, :now, :now,
        :email_notifications, :push_notifications)
      RETURNING \(columns)),
    event AS (\(EventStore.insertion(.userSaved, at: ":now")) FROM saved)
    SELECT \(columns) FROM saved
    """
  )

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
      Self.insert,
      [
        "id": .id(id),
        "username": .text(draft.username),
        "email": .text(draft.email),
        "password": .text(passwordHash),
        "full_name": .text(draft.fullName),
        "role": .text(draft.role.name),
        "time_zone": .text(draft.timeZone),
        "now": .instant(now),
        "email_notifications": .bool(draft.emailNotifications),
        "push_notifications": .bool(draft.pushNotifications),
      ]
    )
    let rows = try database.write(query) { try UserMessage(row: $0) }
    return try rows.first ?? find(id)
  }

  private static let find = Statement("SELECT \(columns) FROM users WHERE id = :id")

  /// Finds a user.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND`; `DatabaseError`.
  public func find(_ id: ID) throws -> UserMessage {
    let user = try database.first(Query(Self.find, ["id": .id(id)])) { try UserMessage(row: $0) }
    guard let user else { throw Problem.userNotFound }
    return user
  }

  private static let findCredentials = Statement(
    """
    SELECT \(columns), password FROM users
    WHERE {lower(username) = lower(:username) ?? lower(email) = lower(:email)}
    """
  )

  /// Finds the user who signs in with a name, and the hash to verify the password with; `nil` when nobody has the name.
  ///
  /// - Throws: `DatabaseError`.
  public func credentials(of name: Credentials.Name) throws -> (
    user: UserMessage, passwordHash: String
  )? {
    let arguments: Query.Arguments =
      switch name {
      case .username(let username): ["username": .text(username)]
      case .email(let email): ["email": .text(email)]
      }
    return try database.first(Query(Self.findCredentials, arguments)) {
      (try UserMessage(row: $0), try $0.text(11))
    }
  }

  private static let findPasswordHash = Statement("SELECT password FROM users WHERE id = :id")

  /// Finds the hash of a user's password.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND`; `DatabaseError`.
  public func passwordHash(of id: ID) throws -> String {
    let hash = try database.first(Query(Self.findPasswordHash, ["id": .id(id)])) { try $0.text(0) }
    guard let hash else { throw Problem.userNotFound }
    return hash
  }

  private static let replaceHash = Statement(
    "UPDATE users SET password = :new WHERE id = :id AND password = :old"
  )

  /// Replaces the hash that was just verified by one of higher cost.
  ///
  /// - Returns: whether the old one was still there.
  /// - Throws: `DatabaseError`.
  public func replaceHash(of id: ID, from old: String, to new: String) throws -> Bool {
    let query = Query(
      Self.replaceHash,
      ["new": .text(new), "id": .id(id), "old": .text(old)]
    )
    return try database.write(query) > 0
  }

  private static let change: SQL = """
    UPDATE users SET version = version + 1, updated_at = :now
      {, username = :username}
      {, email = :email}
      {, full_name = :full_name}
      {, time_zone = :time_zone}
      {, email_notifications = :email_notifications}
      {, push_notifications = :push_notifications}
      {, role = :role}
      {, password = :password}
    WHERE id = :id
      {AND version = :expected_version}
      {AND password = :verified_hash}
    RETURNING \(columns)
    """

  private static let update = Statement(change)

  private static let updateAndTell = Statement(
    """
    WITH saved AS (\(change)),
    event AS (\(EventStore.insertion(.userSaved, at: ":now")) FROM saved)
    SELECT \(columns) FROM saved
    """
  )

  /// Changes a user. A new password ends every session but `sessionID`; a new role ends all of them, because their
  /// access tokens name the old one.
  ///
  /// `verifiedHash` is the hash with which the current password was verified; when it is no longer the user's, nothing
  /// is changed.
  /// - Throws: `Problem` `USER_NOT_FOUND`, `VERSION_MISMATCH`, `WRONG_PASSWORD`; `DatabaseError`.
  public func update(
    _ id: ID,
    with changes: UserChanges,
    passwordHash: String?,
    verifiedHash: String?,
    keeping sessionID: ID?,
    at now: Instant
  ) throws -> UserMessage {
    let query = Self.updateQuery(id, changes, passwordHash, verifiedHash, now)
    for _ in 0..<3 {
      let user =
        passwordHash == nil && changes.role == nil
        ? try database.write(query, map: { try UserMessage(row: $0) }).first
        : try database.transaction { transaction in
          let user = try transaction.first(query) { try UserMessage(row: $0) }
          if user != nil {
            try SessionStore.endAll(
              of: id,
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
        throw Problem(
          .wrongPassword,
          "the password has just been changed: try again",
          details: ["current_password": "is wrong"]
        )
      }
      // Somebody changed it between the two statements, so it may match now.
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
    Query(
      changes.concernsOthers ? updateAndTell : update,
      [
        "now": .instant(now),
        "username": changes.username.map { .text($0) },
        "email": changes.email.map { .text($0) },
        "full_name": changes.fullName.map { .text($0) },
        "time_zone": changes.timeZone.map { .text($0) },
        "email_notifications": changes.emailNotifications.map { .bool($0) },
        "push_notifications": changes.pushNotifications.map { .bool($0) },
        "role": changes.role.map { .text($0.name) },
        "password": passwordHash.map { .text($0) },
        "id": .id(id),
        "expected_version": changes.expectedVersion.map { .integer($0) },
        "verified_hash": verifiedHash.map { .text($0) },
      ]
    )
  }

  private static let switchMailOff = Statement(
    """
    WITH saved AS (
      UPDATE users SET email_notifications = false, version = version + 1, updated_at = :now
      WHERE id = :id AND email_notifications RETURNING id)
    \(EventStore.insertion(.userSaved, at: ":now")) FROM saved
    """
  )

  /// Switches a user's mail off, if the user exists and it is on.
  ///
  /// - Throws: `DatabaseError`.
  public func switchMailOff(_ id: ID, at now: Instant) throws {
    _ = try database.write(Query(Self.switchMailOff, ["now": .instant(now), "id": .id(id)]))
  }

  private static let delete = Statement(
    """
    WITH deleted AS (
      DELETE FROM users WHERE id = :id {AND version = :expected_version} RETURNING id)
    \(EventStore.insertion(.userDeleted, at: ":now")) FROM deleted
    """
  )

  /// Removes a user with all sessions; an event has everything else removed.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND`, `VERSION_MISMATCH`; `DatabaseError`.
  public func delete(_ id: ID, expectedVersion: Int64?, at now: Instant) throws {
    let query = Query(
      Self.delete,
      [
        "id": .id(id),
        "expected_version": expectedVersion.map { .integer($0) },
        "now": .instant(now),
      ]
    )
    guard try database.write(query) == 0 else { return }
    throw Problem.changed("user", since: try find(id).version)
  }

  private static let list = Statement(
    """
    SELECT \(columns) FROM users
    {WHERE (created_at, id) < (:after_key, :after_id)}
    ORDER BY created_at DESC, id DESC LIMIT :limit
    """
  )

  /// Lists a page of users, the newest first.
  ///
  /// - Throws: `DatabaseError`, or what the MAC of the page token throws.
  public func page(_ listing: UserListing, pages: PageTokens) throws -> ListUsersResponse {
    let query = Query(
      Self.list,
      [
        "after_key": listing.page.after.map { .text($0.key) },
        "after_id": listing.page.after.map { .text($0.id) },
        "limit": .integer(listing.page.size + 1),
      ]
    )
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
  /// The columns of `UserStore.columns`, beginning with column `first`.
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
