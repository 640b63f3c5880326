import API
import Endpoint
public import PostgreSQL
import Resilience
public import Validation
public import Values

/// Push messages on their way, in `notification_db`: which browsers still are to have one, and which push services work.
public struct PushStore {
  /// A browser that is to have a message.
  public struct Recipient: Equatable, Sendable {
    /// The subscription's id.
    public let id: String
    /// Where it takes messages.
    public let endpoint: String
    /// Its public key, in base64url.
    public let p256dh: String
    /// The secret that goes with it, in base64url.
    public let auth: String
    /// Where it is subscribed.
    public let service: Service
  }

  /// A push service, and how it is.
  public struct Service: Hashable, Sendable {
    /// Scheme, host and unusual port.
    public let origin: String
    /// How often in a row it could not be reached; 0 for one that works.
    public let failures: Int
    /// Before which time nobody asks it; `nil` for one that works.
    public let retryAt: Instant?
  }

  /// How far a message has come.
  public struct Progress: Equatable, Sendable {
    /// Whether some browser has it.
    public let hasArrived: Bool
    /// The browsers that have not, and may yet.
    public let recipients: [Recipient]
  }

  private static let forgottenSeconds: Int64 = 86_400

  private let database: Database

  /// The push messages of a database.
  public init(database: Database) { self.database = database }

  /// Adds a message that the caller is about to try itself, and has until `heldUntil` for.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND` when the user is no more, `NO_SUBSCRIPTION`; `DatabaseError`.
  public func insert(_ draft: PushDraft, id: ID, at now: Instant, heldUntil: Instant) throws
    -> NotificationStore.Attempt
  {
    let query = Query(
      """
      WITH contact AS MATERIALIZED (
        SELECT forgotten_at FROM contacts WHERE user_id = $2 FOR SHARE),
      forgotten AS (SELECT FROM contact WHERE forgotten_at IS NOT NULL),
      made AS (
        INSERT INTO notifications
          (id, type, user_id, recipient, subject, body, created_at, attempts, next_attempt_at)
        SELECT $1, 'PUSH', $2, $2, $3, $4, $5, 1, $6
        WHERE NOT EXISTS (SELECT FROM forgotten) AND EXISTS (
          SELECT FROM push_subscriptions WHERE user_id = $2 AND (expires_at IS NULL OR expires_at > $5))
        RETURNING id)
      SELECT EXISTS (SELECT FROM forgotten), EXISTS (SELECT FROM made)
      """,
      .text(id.text),
      .text(draft.userID.text),
      .text(draft.subject),
      .text(draft.body),
      .microseconds(now.microseconds),
      .microseconds(heldUntil.microseconds)
    )
    let found = try database.write(query) { (isForgotten: try $0.bool(0), isMade: try $0.bool(1)) }
    if found.first?.isForgotten == true { throw Problem.userNotFound }
    if found.first?.isMade != true { throw Problem.noSubscription }
    return NotificationStore.Attempt(
      id: id.text,
      type: .push,
      userID: draft.userID.text,
      recipient: draft.userID.text,
      subject: draft.subject,
      body: draft.body,
      dueDate: nil,
      createdAt: now,
      number: 1
    )
  }

  /// How far a message has come. Subscriptions that have ended by themselves are left out.
  ///
  /// - Throws: `DatabaseError`.
  public func progress(of attempt: NotificationStore.Attempt, at now: Instant) throws -> Progress {
    let query = Query(
      """
      SELECT n.pushed, s.id, s.endpoint, s.p256dh, s.auth, s.origin, coalesce(o.failures, 0), o.retry_at
      FROM notifications n
      LEFT JOIN push_subscriptions s ON s.user_id = n.user_id AND s.id <> ALL (n.pushed_to)
        AND (s.expires_at IS NULL OR s.expires_at > $2)
      LEFT JOIN push_services o ON o.origin = s.origin
      WHERE n.id = $1
      ORDER BY s.created_at, s.id
      """,
      .text(attempt.id),
      .microseconds(now.microseconds)
    )
    let rows = try database.read(query) { row in
      (
        hasArrived: try row.bool(0),
        recipient: try row.optionalText(1).map { try Recipient($0, row) }
      )
    }
    return Progress(
      hasArrived: rows.first?.hasArrived ?? false,
      recipients: rows.compactMap(\.recipient)
    )
  }

  /// Notes that a browser is done with a message: it has it, or will never take it.
  ///
  /// - Throws: `DatabaseError`.
  public func recordDone(
    _ attempt: NotificationStore.Attempt,
    _ recipient: Recipient,
    hasArrived: Bool
  ) throws {
    let query = Query(
      """
      UPDATE notifications SET pushed = pushed OR $3,
        pushed_to = CASE WHEN $2 = ANY (pushed_to) THEN pushed_to ELSE pushed_to || $2::varchar END
      WHERE id = $1
      """,
      .text(attempt.id),
      .text(recipient.id),
      .bool(hasArrived)
    )
    _ = try database.write(query)
  }

  /// Whether a browser still is that of the user whom a message is for.
  ///
  /// - Throws: `DatabaseError`.
  public func isStill(_ recipient: Recipient, of attempt: NotificationStore.Attempt) throws -> Bool
  {
    let query = Query(
      """
      SELECT EXISTS (SELECT FROM push_subscriptions
        WHERE id = $1 AND user_id = $2 AND p256dh = $3 AND auth = $4)
      """,
      .text(recipient.id),
      .optionalText(attempt.userID),
      .text(recipient.p256dh),
      .text(recipient.auth)
    )
    return try database.read(query) { try $0.bool(0) }.first ?? false
  }

  /// Has the other messages of the same user that are due wait.
  ///
  /// - Throws: `DatabaseError`.
  public func postponeOthers(
    of attempt: NotificationStore.Attempt,
    dueBy now: Instant,
    until next: Instant
  ) throws {
    let query = Query(
      """
      UPDATE notifications SET next_attempt_at = $4
      WHERE user_id = $2 AND type = 'PUSH' AND next_attempt_at <= $3 AND id <> $1
      """,
      .text(attempt.id),
      .optionalText(attempt.userID),
      .microseconds(now.microseconds),
      .microseconds(next.microseconds)
    )
    _ = try database.write(query)
  }

  /// Removes a subscription that has ended, unless the browser has subscribed anew meanwhile.
  ///
  /// - Throws: `DatabaseError`.
  public func remove(_ recipient: Recipient) throws {
    let query = Query(
      "DELETE FROM push_subscriptions WHERE id = $1 AND p256dh = $2 AND auth = $3",
      .text(recipient.id),
      .text(recipient.p256dh),
      .text(recipient.auth)
    )
    _ = try database.write(query)
  }

  /// Whether a push service that could not be reached may be asked again: by one who comes when its time is over, and is
  /// to record the outcome.
  ///
  /// - Throws: `DatabaseError`.
  public func mayAskAgain(_ service: Service, at now: Instant) throws -> Bool {
    let query = Query(
      "UPDATE push_services SET retry_at = $3 WHERE origin = $1 AND retry_at <= $2",
      .text(service.origin),
      .microseconds(now.microseconds),
      .microseconds(Self.pause(after: service.failures, from: now).microseconds)
    )
    return try database.write(query) > 0
  }

  /// Notes that a push service works.
  ///
  /// - Throws: `DatabaseError`.
  public func recordReachable(_ service: Service) throws {
    _ = try database.write(
      Query("DELETE FROM push_services WHERE origin = $1", .text(service.origin))
    )
  }

  /// Notes that a push service could not be reached; when it may be asked again. Of several who find out at once, one
  /// counts. Services of which nobody has heard for a day are forgotten.
  ///
  /// - Throws: `DatabaseError`.
  public func recordUnreachable(_ service: Service, at now: Instant) throws -> Instant {
    let retryAt = Self.pause(after: service.failures, from: now)
    let query = Query(
      """
      WITH forgotten AS (DELETE FROM push_services WHERE retry_at < $4 AND origin <> $1)
      INSERT INTO push_services AS s (origin, failures, retry_at) VALUES ($1, $2 + 1, $3)
      ON CONFLICT (origin) DO UPDATE SET failures = excluded.failures, retry_at = excluded.retry_at
      WHERE s.failures = $2
      """,
      .text(service.origin),
      .integer(Int64(service.failures)),
      .microseconds(retryAt.microseconds),
      .microseconds(now.adding(seconds: -Self.forgottenSeconds).microseconds)
    )
    _ = try database.write(query)
    return retryAt
  }

  /// The time before which nobody asks a push service, when another failure follows those that there were.
  private static func pause(after failures: Int, from now: Instant) -> Instant {
    Backoff.pushService.next(afterAttempts: failures + 1, at: now)
  }
}

extension PushStore.Recipient {
  /// The columns of `progress(of:at:)`, for a row that has somebody.
  fileprivate init(_ id: String, _ row: Row) throws {
    self.init(
      id: id,
      endpoint: try row.text(2),
      p256dh: try row.text(3),
      auth: try row.text(4),
      service: PushStore.Service(
        origin: try row.text(5),
        failures: Int(try row.integer(6)),
        retryAt: try row.optionalInstant(7)
      )
    )
  }
}
