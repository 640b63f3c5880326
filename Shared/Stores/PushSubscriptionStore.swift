public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The browsers that receive push messages, in `notification_db`, as their owners see them.
public struct PushSubscriptionStore {
  private static let columns: SQL = "id, user_id, endpoint, created_at, expires_at"

  private let database: TimedDatabase

  /// The subscriptions of a database.
  public init(database: TimedDatabase) { self.database = database }

  private static let lock = Statement("SELECT pg_advisory_xact_lock(hashtextextended(:user, 0))")

  /// Waits for every other transaction that changes a user's subscriptions in a way that row locks do not cover.
  static func lock(_ user: ID, _ transaction: Transaction) throws {
    _ = try transaction.run(Query(lock, ["user": .id(user)])) { _ in }
  }

  /// The owner must not be forgotten before the row is written, hence the lock on the contact: whoever forgets the
  /// owner waits, and then finds the row.
  private static let save = Statement(
    """
    WITH contact AS MATERIALIZED (
      SELECT forgotten_at FROM contacts WHERE user_id = :user_id FOR SHARE),
    saved AS (
      INSERT INTO push_subscriptions AS s
        (id, user_id, endpoint, origin, p256dh, auth, created_at, expires_at)
      SELECT :id, :user_id, :endpoint, :origin, :p256dh, :auth, :now, :expires_at
      WHERE NOT EXISTS (SELECT FROM contact WHERE forgotten_at IS NOT NULL)
      ON CONFLICT (endpoint) DO UPDATE SET
        user_id = excluded.user_id, origin = excluded.origin, p256dh = excluded.p256dh,
        auth = excluded.auth, expires_at = excluded.expires_at,
        created_at = CASE WHEN s.user_id = excluded.user_id THEN s.created_at ELSE excluded.created_at END
      RETURNING \(columns)),
    crowded_out AS (
      DELETE FROM push_subscriptions WHERE user_id = :user_id AND id IN (
        SELECT o.id FROM push_subscriptions o, saved
        WHERE o.user_id = :user_id AND o.id <> saved.id
        ORDER BY o.created_at DESC, o.id DESC OFFSET :others))
    SELECT \(columns) FROM saved
    """
  )

  /// Saves a subscription. It replaces one with the same endpoint, whoever owned that; if the owner has more than
  /// `Bounds.ListPushSubscriptionsResponse.subscriptionsCount`, the oldest are removed.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND` when the owner was deleted; `DatabaseError`.
  public func save(_ draft: PushSubscriptionDraft, owner: ID, id: ID, at now: Instant) throws
    -> PushSubscriptionMessage
  {
    let query = Query(
      Self.save,
      [
        "user_id": .id(owner),
        "id": .id(id),
        "endpoint": .text(draft.endpoint),
        "origin": .text(draft.origin),
        "p256dh": .text(draft.p256dh),
        "auth": .text(draft.auth),
        "now": .instant(now),
        "expires_at": .instant(draft.expiresAt),
        "others": .integer(Bounds.ListPushSubscriptionsResponse.subscriptionsCount - 1),
      ]
    )
    let saved = try database.transaction { transaction in
      // One at a time for each owner: two at once would not count each other's.
      try Self.lock(owner, transaction)
      return try transaction.first(query, map: PushSubscriptionMessage.init(row:))
    }
    guard let saved else { throw Problem.userNotFound }
    return saved
  }

  private static let list = Statement(
    """
    SELECT \(columns) FROM push_subscriptions WHERE user_id = :owner
    ORDER BY created_at DESC, id DESC LIMIT :limit
    """
  )

  /// Lists the subscriptions of a user, the newest first.
  ///
  /// - Throws: `DatabaseError`.
  public func list(owner: ID) throws -> [PushSubscriptionMessage] {
    let query = Query(
      Self.list,
      [
        "owner": .id(owner),
        "limit": .integer(Bounds.ListPushSubscriptionsResponse.subscriptionsCount),
      ]
    )
    return try database.read(query, map: PushSubscriptionMessage.init(row:))
  }

  private static let purge = Statement(
    """
    DELETE FROM push_subscriptions WHERE expires_at < :before AND id IN (
      SELECT id FROM push_subscriptions WHERE expires_at < :before ORDER BY expires_at LIMIT :limit)
    """
  )

  /// Removes up to `limit` subscriptions that expired before an instant.
  ///
  /// - Returns: the number of subscriptions removed.
  /// - Throws: `DatabaseError`.
  public func purge(expiredBefore instant: Instant, limit: Int) throws -> Int {
    try database.write(
      Query(Self.purge, ["before": .instant(instant), "limit": .integer(limit)])
    )
  }

  private static let delete = Statement(
    "DELETE FROM push_subscriptions WHERE id = :id AND user_id = :owner"
  )

  /// Ends a subscription of the owner.
  ///
  /// - Throws: `Problem` `SUBSCRIPTION_NOT_FOUND`; `DatabaseError`.
  public func delete(_ id: ID, owner: ID) throws {
    let query = Query(Self.delete, ["id": .id(id), "owner": .id(owner)])
    if try database.write(query) == 0 { throw Problem.subscriptionNotFound }
  }
}

extension PushSubscriptionMessage {
  /// The columns of `PushSubscriptionStore.columns`.
  fileprivate init(row: Row) throws {
    self.init()
    id = try row.text(0)
    userID = try row.text(1)
    endpoint = try row.text(2)
    createdAt = Timestamp(try row.instant(3))
    if let expiresAt = try row.optionalInstant(4) { self.expiresAt = Timestamp(expiresAt) }
  }
}
