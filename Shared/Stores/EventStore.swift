public import PostgreSQL
public import Values

/// The events that other services must be told of: the transactional outbox, in `user_db` and in `task_db`.
///
/// An event is written by the statement that makes it true, so there is never one without the other. Of the events of
/// one subject, only the oldest can be claimed. The lease lasts until `next_attempt_at`, and the claim ends with the
/// connection of its holder, as with notifications.
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
    /// The connection with which the claim ends; `nil` if it ends with its lease only.
    public let holder: Holder?

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
      leasedUntil: Instant,
      holder: Holder? = nil
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
      self.holder = holder
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
    UPDATE events e SET attempts = attempts + 1, \(Claims.assignment)
    FROM due WHERE e.number = due.number
    RETURNING e.number, type, subject, user_id, actor_id, created_at, steps_done, attempts, e.next_attempt_at
    """
  )

  private static let releaseOrphans = Claims.release(
    in: "events",
    "number",
    same: "t.number = o.number"
  )

  /// Releases events whose claims have ended with their holders.
  ///
  /// - Returns: the number of events released.
  /// - Throws: `DatabaseError`.
  @discardableResult
  public func releaseOrphans(at now: Instant) throws -> Int {
    try database.write(Query(Self.releaseOrphans, ["now": .instant(now)]))
  }

  /// Makes sure that an event is still claimed.
  ///
  /// - Throws: `DatabaseError`, also when the claim has ended with its holder.
  public func confirm(_ event: Event) throws { try database.confirm(event.holder) }

  /// Claims up to `limit` due events, at most one of each subject, with a lease until `leasedUntil`.
  ///
  /// - Throws: `DatabaseError`, also when the connection leads through a pooler.
  public func claim(_ limit: Int, at now: Instant, leasedUntil: Instant) throws -> [Event] {
    let arguments: Query.Arguments = [
      "now": .instant(now), "limit": .integer(limit), "leased_until": .instant(leasedUntil),
    ]
    return try database.claim(Self.claim, arguments, needsHolder: true, map: Event.init)
      .sorted { $0.number < $1.number }
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
  fileprivate init(_ row: Row, _ holder: Holder?) throws {
    self.init(
      number: try row.integer(0),
      kind: EventStore.Kind(rawValue: try row.text(1)),
      subject: try row.id(2),
      userID: try row.optionalID(3),
      actorID: try row.optionalID(4),
      createdAt: try row.instant(5),
      stepsDone: Int(try row.integer(6)),
      attempt: Int(try row.integer(7)),
      leasedUntil: try row.instant(8),
      holder: holder
    )
  }
}
