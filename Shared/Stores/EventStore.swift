public import PostgreSQL
public import Values

/// What has happened and others must be told: the transactional outbox, in `user_db` and in `task_db`.
///
/// An event is written by the statement that makes it true, so there is none without the other. Of one subject only the
/// oldest that is left can be taken. Who takes one holds it until `next_attempt_at`, as with notifications.
public struct EventStore {
  /// What has happened.
  public enum Kind: String, CaseIterable, Sendable {
    /// Somebody signed up, or changed what others keep of them.
    case userSaved = "USER_SAVED"
    /// A user is no more.
    case userDeleted = "USER_DELETED"
    /// A task was given to somebody by somebody else.
    case taskAssigned = "TASK_ASSIGNED"
    /// A task was cancelled, because the user whom it was given to does not exist.
    case assignmentFailed = "ASSIGNMENT_FAILED"

    fileprivate var sql: SQL {
      switch self {
      case .userSaved: "'USER_SAVED'"
      case .userDeleted: "'USER_DELETED'"
      case .taskAssigned: "'TASK_ASSIGNED'"
      case .assignmentFailed: "'ASSIGNMENT_FAILED'"
      }
    }
  }

  /// One that is to be relayed now, by whoever was given this.
  public struct Event: Equatable, Sendable {
    /// In the order of what has happened to its subject.
    public let number: Int64
    /// What has happened; `nil` for what a newer version has written.
    public let kind: Kind?
    /// The id of what has changed.
    public let subject: String
    /// Whom it concerns, when that is not the subject.
    public let userID: String?
    /// Who did it, when that matters.
    public let actorID: String?
    /// When it has happened.
    public let createdAt: Instant
    /// How many steps of its saga are done.
    public let stepsDone: Int
    /// Which attempt this is, from 1.
    public let attempt: Int
    /// Until when nobody else takes it.
    public let heldUntil: Instant

    /// What makes it the same event, wherever it arrives and however often.
    public var key: String { "\(kind?.rawValue ?? "")/\(subject)/\(createdAt.microseconds)" }

    /// An event.
    public init(
      number: Int64,
      kind: Kind?,
      subject: String,
      userID: String? = nil,
      actorID: String? = nil,
      createdAt: Instant,
      stepsDone: Int = 0,
      attempt: Int = 1,
      heldUntil: Instant
    ) {
      self.number = number
      self.kind = kind
      self.subject = subject
      self.userID = userID
      self.actorID = actorID
      self.createdAt = createdAt
      self.stepsDone = stepsDone
      self.attempt = attempt
      self.heldUntil = heldUntil
    }
  }

  /// What has become of one.
  public enum Outcome: Equatable, Sendable {
    /// All that follows from it is done.
    case relayed
    /// It is tried again; `counts` is whether it was an attempt at all.
    case postponed(reason: String, until: Instant, counts: Bool)
    /// It is given up.
    case dead(reason: String)
  }

  private static let maximumErrorCharacters = 500

  private let database: Database

  /// The events of a database.
  public init(database: Database) { self.database = database }

  /// The part of a statement that writes an event for each row of what stands behind its `FROM`: `id` there is the
  /// subject.
  static func insertion(_ kind: Kind, at now: SQL, user: SQL = "NULL", actor: SQL = "NULL") -> SQL {
    "INSERT INTO events (type, subject, user_id, actor_id, created_at, next_attempt_at) SELECT "
      + kind.sql + ", id, " + user + ", " + actor + "::varchar, " + now + "::timestamptz, " + now
      + "::timestamptz"
  }

  /// Takes up to `limit` of those whose time has come, and of each subject one at most, and holds them until `heldUntil`.
  ///
  /// - Throws: `DatabaseError`.
  public func take(_ limit: Int, at now: Instant, heldUntil: Instant) throws -> [Event] {
    let query = Query(
      """
      WITH due AS MATERIALIZED (
        SELECT number FROM events e WHERE next_attempt_at <= $1 AND NOT EXISTS (
          SELECT FROM events o WHERE o.subject = e.subject AND o.number < e.number AND o.next_attempt_at IS NOT NULL)
        ORDER BY next_attempt_at, number LIMIT $3 FOR UPDATE SKIP LOCKED)
      UPDATE events e SET attempts = attempts + 1, next_attempt_at = $2
      FROM due WHERE e.number = due.number
      RETURNING e.number, type, subject, user_id, actor_id, created_at, steps_done, attempts, e.next_attempt_at
      """,
      .microseconds(now.microseconds),
      .microseconds(heldUntil.microseconds),
      .integer(Int64(limit))
    )
    return try database.write(query, map: Event.init(row:)).sorted { $0.number < $1.number }
  }

  /// Notes what has become of one, unless somebody else has it by now.
  ///
  /// - Throws: `DatabaseError`.
  public func settle(_ event: Event, _ outcome: Outcome, stepsDone: Int, at now: Instant) throws {
    var query = Query(
      "UPDATE events SET steps_done = $3, ",
      .integer(event.number),
      .microseconds(event.heldUntil.microseconds),
      .integer(Int64(stepsDone))
    )
    switch outcome {
    case .relayed:
      let now = query.bind(.microseconds(now.microseconds))
      query.sql += "relayed_at = " + now + ", next_attempt_at = NULL, last_error = NULL"
    case .postponed(let reason, let next, let counts):
      query.sql += "next_attempt_at = " + query.bind(.microseconds(next.microseconds))
      query.sql += ", last_error = " + query.bind(.text(Self.cut(reason)))
      if !counts { query.sql += ", attempts = attempts - 1" }
    case .dead(let reason):
      query.sql += "next_attempt_at = NULL, last_error = " + query.bind(.text(Self.cut(reason)))
    }
    query.sql += " WHERE number = $1 AND next_attempt_at = $2"
    _ = try database.write(query)
  }

  private static func cut(_ reason: String) -> String {
    String(reason.unicodeScalars.prefix(maximumErrorCharacters))
  }

  /// Has those tried again that were given up: one, or with `nil` all. How many.
  ///
  /// - Throws: `DatabaseError`.
  public func revive(_ number: Int64?, at now: Instant) throws -> Int {
    var query = Query(
      """
      UPDATE events SET attempts = 0, next_attempt_at = $1 WHERE relayed_at IS NULL AND next_attempt_at IS NULL
      """,
      .microseconds(now.microseconds)
    )
    if let number { query.sql += " AND number = " + query.bind(.integer(number)) }
    return try database.write(query)
  }

  /// Removes up to `limit` of those that were relayed before an instant, and tells how many there were.
  ///
  /// - Throws: `DatabaseError`.
  public func purge(relayedBefore instant: Instant, limit: Int) throws -> Int {
    let query = Query(
      """
      DELETE FROM events WHERE number IN (
        SELECT number FROM events WHERE relayed_at < $1 ORDER BY relayed_at LIMIT $2 FOR UPDATE SKIP LOCKED)
      """,
      .microseconds(instant.microseconds),
      .integer(Int64(limit))
    )
    return try database.write(query)
  }
}

extension EventStore.Event {
  fileprivate init(row: Row) throws {
    self.init(
      number: try row.integer(0),
      kind: EventStore.Kind(rawValue: try row.text(1)),
      subject: try row.text(2),
      userID: try row.optionalText(3),
      actorID: try row.optionalText(4),
      createdAt: try row.instant(5),
      stepsDone: Int(try row.integer(6)),
      attempt: Int(try row.integer(7)),
      heldUntil: try row.instant(8)
    )
  }
}
