public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The browsers that take push messages, in `notification_db`, as their owners see them.
public struct PushSubscriptionStore {
  private static let columns: SQL = "id, user_id, endpoint, created_at, expires_at"

  private let database: Database

  /// The subscriptions of a database.
  public init(database: Database) { self.database = database }

  /// Takes a subscription. One of the same endpoint becomes this one, whoever's it was; of more than
  /// `Bounds.ListPushSubscriptionsResponse.subscriptionsCount` the oldest are removed.
  ///
  /// - Throws: `Problem` `USER_NOT_FOUND` when the owner is no more; `DatabaseError`.
  public func save(_ draft: PushSubscriptionDraft, owner: String, id: ID, at now: Instant) throws
    -> PushSubscriptionMessage
  {
    let saved = try database.transaction { transaction in
      // One at a time for each owner: two at once would not see each other when they count.
      _ = try transaction.run(
        Query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", .text(owner))
      ) { _ in }
      return try transaction.run(
        Self.saveQuery(draft, owner: owner, id: id, at: now),
        map: PushSubscriptionMessage.init(row:)
      )
    }
    guard let saved = saved.first else { throw Problem.userNotFound }
    return saved
  }

  /// That the owner is not forgotten must stay so until the row is written: who forgets them then finds it.
  private static func saveQuery(
    _ draft: PushSubscriptionDraft,
    owner: String,
    id: ID,
    at now: Instant
  ) -> Query {
    Query(
      """
      WITH contact AS MATERIALIZED (
        SELECT forgotten_at FROM contacts WHERE user_id = $2 FOR SHARE),
      saved AS (
        INSERT INTO push_subscriptions AS s
          (id, user_id, endpoint, origin, p256dh, auth, created_at, expires_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8
        WHERE NOT EXISTS (SELECT FROM contact WHERE forgotten_at IS NOT NULL)
        ON CONFLICT (endpoint) DO UPDATE SET
          user_id = excluded.user_id, origin = excluded.origin, p256dh = excluded.p256dh,
          auth = excluded.auth, expires_at = excluded.expires_at,
          created_at = CASE WHEN s.user_id = excluded.user_id THEN s.created_at ELSE excluded.created_at END
        RETURNING
      """ + " " + columns
        + """
        ),
        crowded_out AS (
          DELETE FROM push_subscriptions WHERE user_id = $2 AND id IN (
            SELECT o.id FROM push_subscriptions o, saved
            WHERE o.user_id = $2 AND o.id <> saved.id
            ORDER BY o.created_at DESC, o.id DESC OFFSET $9))
        SELECT
        """ + " " + columns + " FROM saved",
      .text(id.text),
      .text(owner),
      .text(draft.endpoint),
      .text(draft.origin),
      .text(draft.p256dh),
      .text(draft.auth),
      .microseconds(now.microseconds),
      .microseconds(draft.expiresAt?.microseconds),
      .integer(Int64(Bounds.ListPushSubscriptionsResponse.subscriptionsCount - 1))
    )
  }

  /// Somebody's subscriptions, the newest first.
  ///
  /// - Throws: `DatabaseError`.
  public func list(owner: String) throws -> [PushSubscriptionMessage] {
    let query = Query(
      "SELECT " + Self.columns
        + " FROM push_subscriptions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
      .text(owner),
      .integer(Int64(Bounds.ListPushSubscriptionsResponse.subscriptionsCount))
    )
    return try database.read(query, map: PushSubscriptionMessage.init(row:))
  }

  /// Removes up to `limit` that have ended by themselves before an instant, and tells how many there were.
  ///
  /// - Throws: `DatabaseError`.
  public func purge(expiredBefore instant: Instant, limit: Int) throws -> Int {
    let query = Query(
      """
      DELETE FROM push_subscriptions WHERE expires_at < $1 AND id IN (
        SELECT id FROM push_subscriptions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)
      """,
      .microseconds(instant.microseconds),
      .integer(Int64(limit))
    )
    return try database.write(query)
  }

  /// Ends a subscription, if there is one and it is the owner's.
  ///
  /// - Throws: `Problem` `SUBSCRIPTION_NOT_FOUND`; `DatabaseError`.
  public func delete(_ id: ID, owner: String) throws {
    let query = Query(
      "DELETE FROM push_subscriptions WHERE id = $1 AND user_id = $2",
      .text(id.text),
      .text(owner)
    )
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
