public import API
import Endpoint
public import PostgreSQL
import Resilience
public import Validation
public import Values

/// The sessions, in `user_db.refresh_tokens`.
///
/// Refresh, logout and revocation all lock the session's row first, so they happen one after the other. None of them
/// does anything else while it holds the lock.
public struct SessionStore {
  private static let columns: SQL =
    """
    s.id, s.user_id, s.generation, s.key_id, s.key_generation, s.older_key_id, s.rotations, s.expires_at,
    s.ended_at IS NOT NULL
    """
  /// The most sessions of a user; beyond it, the oldest ends.
  private static let maximumPerUser = 100

  /// The memory of a process from one call to the next.
  public final class Memory {
    fileprivate var outage = Outage()
    fileprivate var ended: Set<ID> = []

    /// An empty memory.
    public init() {}
  }

  private static let maximumRemembered = 10_000

  private let database: TimedDatabase
  private let memory: Memory

  /// The sessions of a database.
  public init(database: TimedDatabase, memory: Memory) {
    self.database = database
    self.memory = memory
  }

  private static let findUser = Statement(
    "SELECT \(userColumns) FROM users u WHERE id = :user_id AND password = :password FOR SHARE"
  )

  private static let makeRoom = Statement(
    """
    DELETE FROM refresh_tokens WHERE user_id = :user_id AND (expires_at < :now OR id IN (
      SELECT id FROM refresh_tokens WHERE user_id = :user_id ORDER BY created_at DESC OFFSET :others))
    """
  )

  private static let insert = Statement(
    """
    INSERT INTO refresh_tokens (id, user_id, token, key_id, expires_at, created_at, refreshed_at)
    VALUES (:id, :user_id, :token, :key_id, :expires_at, :now, :now)
    """
  )

  /// Opens a session for a user whose password still has the hash that was verified. Verifying takes a
  /// while; if the password or role changed in the meantime, that ended the existing sessions, and this one must
  /// not slip through. The row stays locked until the session exists, so that such a change can end it.
  ///
  /// `tokenHash` is SHA-256 of the session's first refresh token, 64 hexadecimal digits.
  /// `passwordHash` is the hash that was verified.
  /// - Returns: the user as of now.
  /// - Throws: `Problem` `INVALID_CREDENTIALS` when the user was deleted or has another password;
  ///   `DatabaseError`.
  public func open(
    _ session: Session,
    tokenHash: String,
    passwordHash: String,
    at now: Instant
  ) throws -> UserMessage {
    try database.transaction { transaction in
      let user = try transaction.first(
        Query(
          Self.findUser,
          ["user_id": .id(session.userID), "password": .text(passwordHash)]
        )
      ) { try UserMessage(row: $0) }
      guard let user else { throw Problem.invalidCredentials }
      try transaction.run(
        Query(
          Self.makeRoom,
          [
            "user_id": .id(session.userID),
            "now": .instant(now),
            "others": .integer(Self.maximumPerUser - 1),
          ]
        )
      )
      try transaction.run(
        Query(
          Self.insert,
          [
            "id": .id(session.id),
            "user_id": .id(session.userID),
            "token": .text(tokenHash),
            "key_id": .text(session.keyID),
            "expires_at": .instant(session.expiresAt),
            "now": .instant(now),
          ]
        )
      )
      return user
    }
  }

  /// The parameters of a refresh, besides the session itself.
  public struct Refresh: Equatable, Sendable {
    /// The session that the presented token names.
    public let sessionID: ID
    /// The presented token's generation.
    public let generation: Int
    /// The time.
    public let now: Instant
    /// The life of a new token, in seconds.
    public let lifeSeconds: Int64
    /// The time in which a replaced token still gets its successor, in seconds.
    public let graceSeconds: Int64
    /// The key for new tokens.
    public let keyID: String
    /// SHA-256 of the presented token's successor, should it get one: the token of the next generation, made with the
    /// key for new tokens. 64 hexadecimal digits.
    public let successorHash: String

    /// A refresh.
    public init(
      sessionID: ID,
      generation: Int,
      now: Instant,
      lifeSeconds: Int64,
      graceSeconds: Int64,
      keyID: String,
      successorHash: String
    ) {
      self.sessionID = sessionID
      self.generation = generation
      self.now = now
      self.lifeSeconds = lifeSeconds
      self.graceSeconds = graceSeconds
      self.keyID = keyID
      self.successorHash = successorHash
    }
  }

  /// Refreshes a session. The reuse of a token ends it, which is committed before the error is thrown.
  ///
  /// - Returns: the session, its user, and the generation of the token to issue: a new one, or the one that was issued
  ///   before.
  /// - Throws: `Problem` `REFRESH_TOKEN_INVALID`, `REFRESH_TOKEN_EXPIRED`, `REFRESH_TOKEN_REUSED`,
  ///   `SESSION_REVOKED`; `DatabaseError`.
  public func refresh(
    _ refresh: Refresh
  ) throws -> (session: Session, generation: Int, user: UserMessage) {
    let (verdict, session, user) = try database.transaction { transaction in
      guard let (session, user) = try Self.lock(refresh.sessionID, transaction) else {
        return (Session.Verdict.unknown, Session?.none, UserMessage())
      }
      var current = session
      let verdict = session.verdict(
        on: refresh.generation,
        at: refresh.now,
        graceSeconds: refresh.graceSeconds
      )
      switch verdict {
      case .rotate:
        current.rotate(
          keyID: refresh.keyID,
          at: refresh.now,
          expiresAt: refresh.now.adding(seconds: refresh.lifeSeconds),
          graceSeconds: refresh.graceSeconds
        )
        try Self.save(
          current,
          tokenHash: refresh.successorHash,
          at: refresh.now,
          transaction
        )
      case .reused:
        try Self.end(refresh.sessionID, reason: "REUSE", at: refresh.now, transaction)
      case .again, .expired, .ended, .unknown: break
      }
      return (verdict, current, user)
    }
    switch (verdict, session) {
    case (.rotate, .some(let session)): return (session, session.generation, user)
    case (.again(let generation), .some(let session)): return (session, generation, user)
    case (.expired, _): throw Problem(.refreshTokenExpired)
    case (.ended, _): throw Problem(.sessionRevoked)
    case (.reused, _): throw Problem(.refreshTokenReused)
    default: throw Problem(.refreshTokenInvalid)
    }
  }

  private static let findForLogout = Statement(
    """
    SELECT user_id, ended_at IS NULL AND expires_at > :now, generation
    FROM refresh_tokens WHERE id = :id
    """
  )

  /// Ends a session or, with `everywhere`, every session of its user.
  ///
  /// A session that has ended has no effect any more, and a token that was replaced long ago ends only its own
  /// session: whoever stole one must not be able to sign its user out everywhere.
  ///
  /// - Throws: `Problem` `REFRESH_TOKEN_INVALID` when there is no such session; `DatabaseError`.
  public func logOut(_ sessionID: ID, generation: Int, everywhere: Bool, at now: Instant) throws {
    try database.transaction { transaction in
      let query = Query(Self.findForLogout, ["now": .instant(now), "id": .id(sessionID)])
      let found = try transaction.first(query) {
        (owner: try $0.id(0), lives: try $0.bool(1), generation: Int(try $0.integer(2)))
      }
      guard let found else { throw Problem(.refreshTokenInvalid) }
      guard found.lives else { return }
      if everywhere, generation >= found.generation - 1 {
        try Self.endAll(of: found.owner, reason: "LOGOUT", at: now, transaction)
      } else {
        try Self.end(sessionID, reason: "LOGOUT", at: now, transaction)
      }
    }
  }

  private static let lockAll = Statement(
    "SELECT id FROM refresh_tokens WHERE user_id = :user_id ORDER BY id FOR UPDATE"
  )

  private static let endAll = Statement(
    """
    UPDATE refresh_tokens SET ended_at = :now, end_reason = :reason
    WHERE user_id = :user_id AND ended_at IS NULL {AND id <> :kept}
    """
  )

  /// Ends every session of a user but one. The rows are locked in the same order every time, so that two callers
  /// at once wait for each other instead of deadlocking.
  static func endAll(
    of userID: ID,
    keeping kept: ID? = nil,
    reason: String,
    at now: Instant,
    _ transaction: Transaction
  ) throws {
    _ = try transaction.run(Query(lockAll, ["user_id": .id(userID)])) { _ in }
    try transaction.run(
      Query(
        endAll,
        [
          "now": .instant(now),
          "reason": .text(reason),
          "user_id": .id(userID),
          "kept": kept.map { .id($0) },
        ]
      )
    )
  }

  private static let findUserOfLiving = Statement(
    """
    SELECT \(userColumns) FROM refresh_tokens s JOIN users u ON u.id = s.user_id
    WHERE s.id = :id AND s.ended_at IS NULL AND s.expires_at > :now
    """
  )

  /// Finds the user of a session that is still alive; `nil` when it has ended.
  ///
  /// - Throws: `DatabaseError`.
  public func user(of sessionID: ID, at now: Instant) throws -> UserMessage? {
    try Self.user(of: sessionID, at: now, database)
  }

  private static func user(
    of sessionID: ID,
    at now: Instant,
    _ database: TimedDatabase
  ) throws -> UserMessage? {
    try database.first(
      Query(findUserOfLiving, ["id": .id(sessionID), "now": .instant(now)])
    ) { try UserMessage(row: $0) }
  }

  /// As `user(of:at:)`, for a gateway that asks before every request and must not wait: the answer comes within
  /// 700 ms and, while the database is unavailable, within 40 ms once a second and otherwise at once.
  ///
  /// - Returns: whether the session is alive; `nil` when that is not known at the moment.
  /// - Throws: `DatabaseError` when the database refuses the query itself.
  public func lives(_ sessionID: ID, at now: Instant) throws -> Bool? {
    // A session that has ended never becomes alive again, so there is no need to ask.
    if memory.ended.contains(sessionID) { return false }
    guard let limit = memory.outage.millisecondsToWait else { return nil }
    do {
      let user = try Self.user(of: sessionID, at: now, database.within(milliseconds: limit))
      memory.outage.ended()
      if user == nil {
        if memory.ended.count >= Self.maximumRemembered { memory.ended.removeAll() }
        memory.ended.insert(sessionID)
      }
      return user != nil
    } catch let error as DatabaseError {
      switch Problem(error).code {
      case .unavailable, .deadlineExceeded:
        memory.outage.noticed()
        return nil
      default: throw error
      }
    }
  }

  private static let purge = Statement(
    """
    DELETE FROM refresh_tokens WHERE id IN (
      SELECT id FROM refresh_tokens WHERE expires_at < :before
      ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    """
  )

  /// Removes up to `limit` sessions that expired before an instant.
  ///
  /// - Returns: the number of sessions removed.
  /// - Throws: `DatabaseError`.
  public func purge(expiredBefore instant: Instant, limit: Int) throws -> Int {
    try database.write(
      Query(Self.purge, ["before": .instant(instant), "limit": .integer(limit)])
    )
  }

  private static let userColumns: SQL =
    """
    u.id, u.username, u.email, u.full_name, u.role, u.time_zone, u.email_notifications, u.push_notifications,
    u.created_at, u.updated_at, u.version
    """

  private static let lock = Statement(
    """
    SELECT \(columns), \(userColumns)
    FROM refresh_tokens s JOIN users u ON u.id = s.user_id WHERE s.id = :id FOR UPDATE OF s
    """
  )

  private static func lock(
    _ id: ID,
    _ transaction: Transaction
  ) throws -> (Session, UserMessage)? {
    try transaction.first(Query(lock, ["id": .id(id)])) {
      (try Session(row: $0), try UserMessage(row: $0, from: 9))
    }
  }

  private static let save = Statement(
    """
    UPDATE refresh_tokens SET token = :token, generation = :generation, key_id = :key_id,
      key_generation = :key_generation, older_key_id = :older_key_id, rotations = :rotations,
      expires_at = :expires_at, refreshed_at = :now
    WHERE id = :id
    """
  )

  private static func save(
    _ session: Session,
    tokenHash: String,
    at now: Instant,
    _ transaction: Transaction
  ) throws {
    let query = Query(
      save,
      [
        "token": .text(tokenHash),
        "generation": .integer(session.generation),
        "key_id": .text(session.keyID),
        "key_generation": .integer(session.keyGeneration),
        "older_key_id": .text(session.olderKeyID),
        "rotations": .instants(session.rotations),
        "expires_at": .instant(session.expiresAt),
        "now": .instant(now),
        "id": .id(session.id),
      ]
    )
    try transaction.run(query)
  }

  private static let end = Statement(
    """
    UPDATE refresh_tokens SET ended_at = :now, end_reason = :reason
    WHERE id = :id AND ended_at IS NULL
    """
  )

  private static func end(
    _ id: ID,
    reason: String,
    at now: Instant,
    _ transaction: Transaction
  ) throws {
    try transaction.run(
      Query(end, ["now": .instant(now), "reason": .text(reason), "id": .id(id)])
    )
  }
}

extension Session {
  /// The columns of `SessionStore.columns`.
  fileprivate init(row: Row) throws {
    self.init(
      id: try row.id(0),
      userID: try row.id(1),
      generation: Int(try row.integer(2)),
      keyID: try row.text(3),
      keyGeneration: Int(try row.integer(4)),
      olderKeyID: try row.optionalText(5),
      rotations: try row.instants(6),
      expiresAt: try row.instant(7),
      hasEnded: try row.bool(8)
    )
  }
}
