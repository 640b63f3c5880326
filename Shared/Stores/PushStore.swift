import API
import Endpoint
public import PostgreSQL
import Resilience
public import Validation
public import Values

/// The push messages on their way, in `notification_db`: the browsers that are still to receive one, and the state of
/// the push services.
public struct PushStore {
  /// A browser that is to receive a message.
  public struct Recipient: Equatable, Sendable {
    /// The subscription's id.
    public let id: ID
    /// The URL that receives its messages.
    public let endpoint: String
    /// Its public key, in base64url.
    public let p256dh: String
    /// The secret that goes with it, in base64url.
    public let auth: String
    /// Its push service.
    public let service: Service
  }

  /// A push service, and its state.
  public struct Service: Hashable, Sendable {
    /// The scheme, host and unusual port.
    public let origin: String
    /// The number of consecutive failures to reach it; 0 if it works.
    public let failures: Int
    /// The time before which it is not tried again; `nil` if it works.
    public let retryAt: Instant?
  }

  /// The progress of a message.
  public struct Progress: Equatable, Sendable {
    /// Whether any browser has received it.
    public let hasArrived: Bool
    /// The browsers that may still receive it.
    public let recipients: [Recipient]
  }

  private static let forgottenSeconds: Int64 = 86_400

  private let database: TimedDatabase

  /// The push messages of a database.
  public init(database: TimedDatabase) { self.database = database }

  private static let insert = Statement(
    """
    WITH contact AS MATERIALIZED (
      SELECT forgotten_at FROM contacts WHERE user_id = :user_id FOR SHARE),
    forgotten AS (SELECT FROM contact WHERE forgotten_at IS NOT NULL),
    made AS (
      INSERT INTO notifications
        (id, type, user_id, recipient, subject, body, created_at, attempts, next_attempt_at, claimed_until, claimed_by)
      SELECT :id, 'PUSH', :user_id, :user_id, :subject, :body, :now, 1, :leased_until, :leased_until, :holder
      WHERE NOT EXISTS (SELECT FROM forgotten) AND EXISTS (
        SELECT FROM push_subscriptions WHERE user_id = :user_id AND (expires_at IS NULL OR expires_at > :now))
      RETURNING id)
    SELECT EXISTS (SELECT FROM forgotten), EXISTS (SELECT FROM made)
    """
  )

  /// Adds a message that the caller is about to send itself, with a lease until `leasedUntil`.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND` when the user was deleted, `NO_SUBSCRIPTION`; `DatabaseError`.
  public func insert(_ draft: PushDraft, id: ID, at now: Instant, leasedUntil: Instant) throws
    -> NotificationStore.Attempt
  {
    let arguments: Query.Arguments = [
      "user_id": .id(draft.userID),
      "id": .id(id),
      "subject": .text(draft.subject),
      "body": .text(draft.body),
      "now": .instant(now),
      "leased_until": .instant(leasedUntil),
    ]
    // Functions may go through a pooler.
    let found = try database.claim(Self.insert, arguments, needsHolder: false) { row, holder in
      (isForgotten: try row.bool(0), isMade: try row.bool(1), holder: holder)
    }
    if found.first?.isForgotten == true { throw Problem.userNotFound }
    if found.first?.isMade != true { throw Problem.noSubscription }
    return NotificationStore.Attempt(
      id: id,
      type: .push,
      userID: draft.userID,
      recipient: draft.userID.text,
      subject: draft.subject,
      body: draft.body,
      dueDate: nil,
      createdAt: now,
      number: 1,
      holder: found.first?.holder
    )
  }

  /// Makes sure that a message is still claimed.
  ///
  /// - Throws: `DatabaseError`, also when the claim has ended with its holder.
  public func confirm(_ attempt: NotificationStore.Attempt) throws {
    try database.confirm(attempt.holder)
  }

  private static let progress = Statement(
    """
    SELECT n.pushed, s.id, s.endpoint, s.p256dh, s.auth, s.origin, coalesce(o.failures, 0), o.retry_at
    FROM notifications n
    LEFT JOIN push_subscriptions s ON s.user_id = n.user_id AND s.id <> ALL (n.pushed_to)
      AND (s.expires_at IS NULL OR s.expires_at > :now)
    LEFT JOIN push_services o ON o.origin = s.origin
    WHERE n.id = :id
    ORDER BY s.created_at, s.id
    """
  )

  /// Finds the progress of a message. Subscriptions that have ended by themselves are left out.
  ///
  /// - Throws: `DatabaseError`.
  public func progress(of attempt: NotificationStore.Attempt, at now: Instant) throws -> Progress {
    let query = Query(Self.progress, ["now": .instant(now), "id": .id(attempt.id)])
    let rows = try database.read(query) { row in
      (
        hasArrived: try row.bool(0),
        recipient: try row.optionalID(1).map { try Recipient($0, row) }
      )
    }
    return Progress(
      hasArrived: rows.first?.hasArrived ?? false,
      recipients: rows.compactMap(\.recipient)
    )
  }

  private static let recordDone = Statement(
    """
    UPDATE notifications SET pushed = pushed OR :has_arrived, pushed_to = CASE
      WHEN :recipient = ANY (pushed_to) THEN pushed_to ELSE pushed_to || :recipient::varchar END
    WHERE id = :id
    """
  )

  /// Records that a message to a browser is completed: the browser has received it, or will never accept it.
  ///
  /// - Throws: `DatabaseError`.
  public func recordDone(
    _ attempt: NotificationStore.Attempt,
    _ recipient: Recipient,
    hasArrived: Bool
  ) throws {
    let query = Query(
      Self.recordDone,
      [
        "has_arrived": .bool(hasArrived),
        "recipient": .id(recipient.id),
        "id": .id(attempt.id),
      ]
    )
    _ = try database.write(query)
  }

  private static let isStill = Statement(
    """
    SELECT EXISTS (SELECT FROM push_subscriptions
      WHERE id = :id AND user_id = :user AND p256dh = :p256dh AND auth = :auth)
    """
  )

  /// Tells whether a browser still belongs to the user for whom a message is.
  ///
  /// - Throws: `DatabaseError`.
  public func isStill(_ recipient: Recipient, of attempt: NotificationStore.Attempt) throws -> Bool
  {
    let query = Query(
      Self.isStill,
      [
        "id": .id(recipient.id),
        "user": .id(attempt.userID),
        "p256dh": .text(recipient.p256dh),
        "auth": .text(recipient.auth),
      ]
    )
    return try database.one(query) { try $0.bool(0) }
  }

  private static let postponeOthers = Statement(
    """
    UPDATE notifications SET next_attempt_at = :next
    WHERE user_id = :user AND type = 'PUSH' AND next_attempt_at <= :now AND id <> :id
    """
  )

  /// Postpones the other messages of the same user that are due.
  ///
  /// - Throws: `DatabaseError`.
  public func postponeOthers(
    of attempt: NotificationStore.Attempt,
    dueBy now: Instant,
    until next: Instant
  ) throws {
    let query = Query(
      Self.postponeOthers,
      [
        "next": .instant(next),
        "user": .id(attempt.userID),
        "now": .instant(now),
        "id": .id(attempt.id),
      ]
    )
    _ = try database.write(query)
  }

  private static let remove = Statement(
    "DELETE FROM push_subscriptions WHERE id = :id AND p256dh = :p256dh AND auth = :auth"
  )

  /// Removes a subscription that has ended, unless the browser has subscribed again in the meantime.
  ///
  /// - Throws: `DatabaseError`.
  public func remove(_ recipient: Recipient) throws {
    let query = Query(
      Self.remove,
      [
        "id": .id(recipient.id),
        "p256dh": .text(recipient.p256dh),
        "auth": .text(recipient.auth),
      ]
    )
    _ = try database.write(query)
  }

  private static let claimService = Statement(
    "UPDATE push_services SET retry_at = :next WHERE origin = :origin AND retry_at <= :now"
  )

  /// Tells whether the caller may try a push service again that could not be reached: the first caller after the pause
  /// may, and must record the outcome.
  ///
  /// - Throws: `DatabaseError`.
  public func mayAskAgain(_ service: Service, at now: Instant) throws -> Bool {
    let query = Query(
      Self.claimService,
      [
        "next": .instant(Self.pause(after: service.failures, from: now)),
        "origin": .text(service.origin),
        "now": .instant(now),
      ]
    )
    return try database.write(query) > 0
  }

  private static let recordReachable = Statement("DELETE FROM push_services WHERE origin = :origin")

  /// Records that a push service works.
  ///
  /// - Throws: `DatabaseError`.
  public func recordReachable(_ service: Service) throws {
    _ = try database.write(Query(Self.recordReachable, ["origin": .text(service.origin)]))
  }

  private static let recordUnreachable = Statement(
    """
    WITH forgotten AS (DELETE FROM push_services WHERE retry_at < :forgotten AND origin <> :origin)
    INSERT INTO push_services AS s (origin, failures, retry_at)
    VALUES (:origin, :failures + 1, :retry_at)
    ON CONFLICT (origin) DO UPDATE SET failures = excluded.failures, retry_at = excluded.retry_at
    WHERE s.failures = :failures
    """
  )

  /// Records that a push service could not be reached. Of several callers who notice it at once, one counts. Services
  /// that have not been heard from for a day are forgotten.
  ///
  /// - Returns: the time when it may be tried again.
  /// - Throws: `DatabaseError`.
  public func recordUnreachable(_ service: Service, at now: Instant) throws -> Instant {
    let retryAt = Self.pause(after: service.failures, from: now)
    let query = Query(
      Self.recordUnreachable,
      [
        "forgotten": .instant(now.adding(seconds: -Self.forgottenSeconds)),
        "origin": .text(service.origin),
        "failures": .integer(service.failures),
        "retry_at": .instant(retryAt),
      ]
    )
    _ = try database.write(query)
    return retryAt
  }

  /// The time before which a push service is not tried again after another failure.
  private static func pause(after failures: Int, from now: Instant) -> Instant {
    Backoff.pushService.next(afterAttempts: failures + 1, at: now)
  }
}

extension PushStore.Recipient {
  /// The columns of `progress(of:at:)`, of a row that has a recipient.
  fileprivate init(_ id: ID, _ row: Row) throws {
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
