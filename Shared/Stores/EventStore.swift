public import PostgreSQL
public import Values

/// The events that others must be told of: the transactional outbox, in `user_db` and in `task_db`.
///
/// An event is written by the statement that makes it true, so there is none without the other. Of one subject only the
/// oldest that is left can be claimed. The lease lasts until `next_attempt_at`, as with notifications.
public struct EventStore {
  /// A kind of event.
  public enum Kind: String, CaseIterable, Sendable {
    /// Somebody signed up, or changed what others keep about them.
    case userSaved = "USER_SAVED"
    /// A user was deleted.
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

  /// An event that whoever has this is to relay now.
  public struct Event: Equatable, Sendable {
    /// The event's place in the order of what has happened to its subject.
    public let number: Int64
    /// The kind; `nil` for one that a newer version has written.
    public let kind: Kind?
    /// The id of what has changed.
    public let subject: ID
    /// The user whom it concerns, when that is not the subject.
    public let userID: ID?
    /// The user who did it, when that matters.
    public let actorID: ID?
    /// The time when it happened.
    public let createdAt: Instant
    /// The number of steps of its saga that are done.
    public let stepsDone: Int
    /// The number of this attempt, from 1.
    public let attempt: Int
    /// The end of the lease.
    public let heldUntil: Instant

    /// The identity of the event, wherever it arrives and however often.
    public var key: String { "\(kind?.rawValue ?? "")/\(subject)/\(createdAt.microseconds)" }

    /// An event.
    public init(
      number: Int64,
      kind: Kind?,
      subject: ID,
      userID: ID? = nil,
      actorID: ID? = nil,
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

  /// The outcome of an attempt.
  public enum Outcome: Equatable, Sendable {
    /// All that follows from it is done.
    case relayed
    /// It is retried; `counts` is whether this was an attempt at all.
    case postponed(reason: String, until: Instant, counts: Bool)
    /// It is discarded.
    case dead(reason: String)
  }

  private static let maximumErrorCharacters = 500

  private let database: TimedDatabase

  /// The events of a database.
  public init(database: TimedDatabase) { self.database = database }

  /// The part of a statement that writes an event for each row of what follows it, `FROM …`: `id` there is the subject.
  ///
  /// `now` is a parameter; `user` and `actor` are parameters or columns.
  static func insertion(_ kind: Kind, at now: SQL, user: SQL = "NULL", actor: SQL = "NULL") -> SQL {
    """
    INSERT INTO events (type, subject, user_id, actor_id, created_at, next_attempt_at)
    SELECT \(kind.sql), id, \(user), \(actor)::varchar, \(now)::timestamptz, \(now)::timestamptz
    """
  }

  private static let take = Statement(
    """
    WITH due AS MATERIALIZED (
      SELECT number FROM events e WHERE next_attempt_at <= :now AND NOT EXISTS (
        SELECT FROM events o WHERE o.subject = e.subject AND o.number < e.number AND o.next_attempt_at IS NOT NULL)
      ORDER BY next_attempt_at, number LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE events e SET attempts = attempts + 1, next_attempt_at = :held_until
    FROM due WHERE e.number = due.number
    RETURNING e.number, type, subject, user_id, actor_id, created_at, steps_done, attempts, e.next_attempt_at
    """
  )

  /// Claims up to `limit` events whose time has come, and of each subject one at most, with a lease until `heldUntil`.
  ///
  /// - Throws: `DatabaseError`.
  public func take(_ limit: Int, at now: Instant, heldUntil: Instant) throws -> [Event] {
    let query = Query(
      Self.take,
      ["now": .instant(now), "limit": .integer(limit), "held_until": .instant(heldUntil)]
    )
    return try database.write(query, map: Event.init(row:)).sorted { $0.number < $1.number }
  }

  private static let settle = Statement(
    """
    UPDATE events SET steps_done = :steps_done, next_attempt_at = :next, last_error = :reason,
      relayed_at = :relayed_at, attempts = attempts - :uncounted
    WHERE number = :number AND next_attempt_at = :held_until
    """
  )

  /// Records the outcome of an event, unless the lease is over and somebody else has claimed it.
  ///
  /// - Throws: `DatabaseError`.
  public func settle(_ event: Event, _ outcome: Outcome, stepsDone: Int, at now: Instant) throws {
    var (next, reason, relayedAt): (Instant?, String?, Instant?)
    var uncounted = 0
    switch outcome {
    case .relayed: relayedAt = now
    case .postponed(let why, let until, let counts):
      (next, reason) = (until, Self.cut(why))
      uncounted = counts ? 0 : 1
    case .dead(let why): reason = Self.cut(why)
    }
    let query = Query(
      Self.settle,
      [
        "steps_done": .integer(stepsDone),
        "next": .instant(next),
        "reason": .text(reason),
        "relayed_at": .instant(relayedAt),
        "uncounted": .integer(uncounted),
        "number": .integer(event.number),
        "held_until": .instant(event.heldUntil),
      ]
    )
    _ = try database.write(query)
  }

  private static func cut(_ reason: String) -> String {
    String(reason.unicodeScalars.prefix(maximumErrorCharacters))
  }

  private static let revive = Statement(
    """
    UPDATE events SET attempts = 0, next_attempt_at = :now
    WHERE next_attempt_at IS NULL AND relayed_at IS NULL {AND number = :number}
    """
  )

  /// Retries discarded events: one, or with `nil` all.
  ///
  /// - Returns: how many.
  /// - Throws: `DatabaseError`.
  public func revive(_ number: Int64?, at now: Instant) throws -> Int {
    try database.write(
      Query(Self.revive, ["now": .instant(now), "number": number.map { .integer($0) }])
    )
  }

  private static let purge = Statement(
    """
    DELETE FROM events WHERE number IN (
      SELECT number FROM events WHERE relayed_at < :before
      ORDER BY relayed_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    """
  )

  /// Removes up to `limit` events that were relayed before an instant.
  ///
  /// - Returns: how many.
  /// - Throws: `DatabaseError`.
  public func purge(relayedBefore instant: Instant, limit: Int) throws -> Int {
    try database.write(
      Query(Self.purge, ["before": .instant(instant), "limit": .integer(limit)])
    )
  }
}

extension EventStore.Event {
  fileprivate init(row: Row) throws {
    self.init(
      number: try row.integer(0),
      kind: EventStore.Kind(rawValue: try row.text(1)),
      subject: try row.id(2),
      userID: try row.optionalID(3),
      actorID: try row.optionalID(4),
      createdAt: try row.instant(5),
      stepsDone: Int(try row.integer(6)),
      attempt: Int(try row.integer(7)),
      heldUntil: try row.instant(8)
    )
  }
}
