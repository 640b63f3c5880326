public import PostgreSQL
public import Values

/// The events that other services must be told of: the transactional outbox, in `user_db` and in `task_db`.
///
/// An event is written by the statement that makes it true, so there is never one without the other. Of the events of
/// one subject, only the oldest can be claimed. The lease lasts until `next_attempt_at`, as with notifications.
public struct EventStore {
  /// A kind of event.
  public enum Kind: String, CaseIterable, Sendable {
    /// A user signed up, or changed something of which other services keep a copy.
    case userSaved = "USER_SAVED"
    /// A user was deleted.
    case userDeleted = "USER_DELETED"
    /// A task was assigned to somebody by somebody else.
    case taskAssigned = "TASK_ASSIGNED"
    /// A task was cancelled because the user to whom it was assigned does not exist.
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

  /// A claimed event, to be relayed now.
  public struct Event: Equatable, Sendable {
    /// The event's place in the order of its subject's events.
    public let number: Int64
    /// The kind; `nil` for one that a newer version of the system has written.
    public let kind: Kind?
    /// The id of the subject.
    public let subject: ID
    /// The user concerned, if not the subject.
    public let userID: ID?
    /// The user who caused it, if that matters.
    public let actorID: ID?
    /// The time when it happened.
    public let createdAt: Instant
    /// The number of completed steps of its saga.
    public let stepsDone: Int
    /// The number of this attempt, from 1.
    public let attempt: Int
    /// The end of the lease.
    public let leasedUntil: Instant

    /// The key that identifies the event wherever and however often it arrives.
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
      leasedUntil: Instant
    ) {
      self.number = number
      self.kind = kind
      self.subject = subject
      self.userID = userID
      self.actorID = actorID
      self.createdAt = createdAt
      self.stepsDone = stepsDone
      self.attempt = attempt
      self.leasedUntil = leasedUntil
    }
  }

  /// The outcome of an attempt.
  public enum Outcome: Equatable, Sendable {
    /// All steps of its saga are completed.
    case relayed
    /// It will be retried; `counts` tells whether this was an attempt at all.
    case postponed(reason: String, until: Instant, counts: Bool)
    /// It is discarded.
    case discarded(reason: String)
  }

  private static let maximumErrorCharacters = 500

  private let database: TimedDatabase

  /// The events of a database.
  public init(database: TimedDatabase) { self.database = database }

  /// The part of a statement that writes an event for each row of the `FROM …` that follows it, whose `id` is the
  /// subject.
  ///
  /// `now` is a parameter; `user` and `actor` are parameters or columns.
  static func insertion(_ kind: Kind, at now: SQL, user: SQL = "NULL", actor: SQL = "NULL") -> SQL {
    """
    INSERT INTO events (type, subject, user_id, actor_id, created_at, next_attempt_at)
    SELECT \(kind.sql), id, \(user), \(actor)::varchar, \(now)::timestamptz, \(now)::timestamptz
    """
  }

  private static let claim = Statement(
    """
    WITH due AS MATERIALIZED (
      SELECT number FROM events e WHERE next_attempt_at <= :now AND NOT EXISTS (
        SELECT FROM events o WHERE o.subject = e.subject AND o.number < e.number AND o.next_attempt_at IS NOT NULL)
      ORDER BY next_attempt_at, number LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE events e SET attempts = attempts + 1, next_attempt_at = :leased_until
    FROM due WHERE e.number = due.number
    RETURNING e.number, type, subject, user_id, actor_id, created_at, steps_done, attempts, e.next_attempt_at
    """
  )

  /// Claims up to `limit` due events, at most one of each subject, with a lease until `leasedUntil`.
  ///
  /// - Throws: `DatabaseError`.
  public func claim(_ limit: Int, at now: Instant, leasedUntil: Instant) throws -> [Event] {
    let query = Query(
      Self.claim,
      ["now": .instant(now), "limit": .integer(limit), "leased_until": .instant(leasedUntil)]
    )
    return try database.write(query, map: Event.init(row:)).sorted { $0.number < $1.number }
  }

  private static let record = Statement(
    """
    UPDATE events SET steps_done = :steps_done, next_attempt_at = :next, last_error = :reason,
      relayed_at = :relayed_at, attempts = attempts - :uncounted
    WHERE number = :number AND next_attempt_at = :leased_until
    """
  )

  /// Records the outcome of an attempt, unless the lease has expired and somebody else has claimed the event.
  ///
  /// - Throws: `DatabaseError`.
  public func record(_ outcome: Outcome, of event: Event, stepsDone: Int, at now: Instant) throws {
    var (next, reason, relayedAt): (Instant?, String?, Instant?)
    var uncounted = 0
    switch outcome {
    case .relayed: relayedAt = now
    case .postponed(let why, let until, let counts):
      (next, reason) = (until, Self.cut(why))
      uncounted = counts ? 0 : 1
    case .discarded(let why): reason = Self.cut(why)
    }
    let query = Query(
      Self.record,
      [
        "steps_done": .integer(stepsDone),
        "next": .instant(next),
        "reason": .text(reason),
        "relayed_at": .instant(relayedAt),
        "uncounted": .integer(uncounted),
        "number": .integer(event.number),
        "leased_until": .instant(event.leasedUntil),
      ]
    )
    _ = try database.write(query)
  }

  private static func cut(_ reason: String) -> String {
    String(reason.unicodeScalars.prefix(maximumErrorCharacters))
  }

  private static let retry = Statement(
    """
    UPDATE events SET attempts = 0, next_attempt_at = :now
    WHERE next_attempt_at IS NULL AND relayed_at IS NULL {AND number = :number}
    """
  )

  /// Retries discarded events: one, or all for `nil`.
  ///
  /// - Returns: the number of events to be retried.
  /// - Throws: `DatabaseError`.
  public func retry(_ number: Int64?, at now: Instant) throws -> Int {
    try database.write(
      Query(Self.retry, ["now": .instant(now), "number": number.map { .integer($0) }])
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
  /// - Returns: the number of events removed.
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
      leasedUntil: try row.instant(8)
    )
  }
}
