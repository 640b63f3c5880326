public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The notifications, in `notification_db`: what is to be sent, and what has become of it.
///
/// Who tries one holds it until `next_attempt_at`: nobody else finds it before. So no lock is held while mail is under
/// way, and what a process that dies leaves behind is tried by another.
public struct NotificationStore {
  /// One that is to be tried now, by whoever was given this.
  public struct Attempt: Equatable, Sendable {
    /// The notification's id.
    public let id: String
    /// How it is sent.
    public let type: NotificationType
    /// Whom it is for, when that is one of the users.
    public let userID: String?
    /// Where to.
    public let recipient: String
    /// One line.
    public let subject: String
    /// Plain text.
    public let body: String
    /// When the task is due that it reminds of.
    public let dueDate: Instant?
    /// When it was asked for.
    public let createdAt: Instant
    /// Which attempt this is, from 1.
    public let number: Int
  }

  private static let columns: SQL = """
    id, type, recipient, subject, body, sent, created_at, user_id, sent_at, attempts, next_attempt_at, last_error
    """
  private static let maximumErrorCharacters = 500

  private let database: Database

  /// The notifications of a database.
  public init(database: Database) { self.database = database }

  /// Adds an e-mail that the caller is about to try itself, and has until `heldUntil` for.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(_ draft: EmailDraft, id: ID, at now: Instant, heldUntil: Instant) throws
    -> Attempt
  {
    let query = Query(
      """
      INSERT INTO notifications (id, type, recipient, subject, body, created_at, attempts, next_attempt_at)
      VALUES ($1, 'EMAIL', $2, $3, $4, $5, 1, $6)
      """,
      .text(id.text),
      .text(draft.recipient),
      .text(draft.subject),
      .text(draft.body),
      .microseconds(now.microseconds),
      .microseconds(heldUntil.microseconds)
    )
    _ = try database.write(query)
    return Attempt(
      id: id.text,
      type: .email,
      userID: nil,
      recipient: draft.recipient,
      subject: draft.subject,
      body: draft.body,
      dueDate: nil,
      createdAt: now,
      number: 1
    )
  }

  /// Adds what a user is to be told, by each channel that is on, to be tried from now on; what there is of the same key
  /// already is it. Nothing for a user who is no more, or has no channel on.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(
    _ notice: NotificationDraft,
    localTime: String,
    ids: (email: ID, push: ID),
    at now: Instant
  ) throws -> [NotificationMessage] {
    // Whoever forgets the user waits for the lock, and removes what is written here. The change that changes nothing makes
    // the row that is there already a result.
    let query = Query(
      """
      WITH contact AS (
        SELECT email, email_notifications, push_notifications FROM contacts
        WHERE user_id = $1 AND forgotten_at IS NULL FOR SHARE),
      channels AS (
        SELECT $2::varchar AS id, 'EMAIL'::notification_type AS type, email AS recipient, $4::varchar AS key
        FROM contact WHERE email_notifications
        UNION ALL
        SELECT $3::varchar, 'PUSH', $1, $4 || '/push' FROM contact
        WHERE push_notifications AND EXISTS (
          SELECT FROM push_subscriptions WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $8)))
      INSERT INTO notifications
        (id, type, user_id, recipient, subject, body, key, due_date, created_at, next_attempt_at)
      SELECT id, type, $1, recipient, $5, $6, key, $7, $8, $8 FROM channels
      ON CONFLICT (key) DO UPDATE SET key = notifications.key
      RETURNING
      """ + " " + Self.columns,
      .text(notice.userID.text),
      .text(ids.email.text),
      .text(ids.push.text),
      .text(notice.key),
      .text(notice.subject),
      .text(notice.body(localTime: localTime)),
      .microseconds(notice.countsDown ? notice.dueDate?.microseconds : nil),
      .microseconds(now.microseconds)
    )
    return try database.write(query, map: NotificationMessage.init(row:))
  }

  /// What a user was told before under the same key.
  ///
  /// - Throws: `DatabaseError`.
  public func find(_ notice: NotificationDraft) throws -> [NotificationMessage] {
    let query = Query(
      "SELECT " + Self.columns + " FROM notifications WHERE key = ANY ($1::varchar[]) ORDER BY key",
      .texts([notice.key, notice.key + "/push"])
    )
    return try database.read(query, map: NotificationMessage.init(row:))
  }

  /// Whether there is one of a type whose time has come.
  ///
  /// - Throws: `DatabaseError`.
  public func isAnyDue(_ type: NotificationType, at now: Instant) throws -> Bool {
    let query = Query(
      "SELECT EXISTS (SELECT FROM notifications WHERE next_attempt_at <= $1 AND type = $2)",
      .microseconds(now.microseconds),
      .text(type.name)
    )
    return try database.read(query) { try $0.bool(0) }.first ?? false
  }

  /// Takes up to `limit` of those of a type whose time has come, the longest waiting first, and holds them.
  ///
  /// - Throws: `DatabaseError`.
  public func take(
    _ limit: Int,
    _ type: NotificationType,
    at now: Instant,
    heldUntil: Instant
  ) throws -> [Attempt] {
    let query = Query(
      """
      WITH due AS MATERIALIZED (
        SELECT id FROM notifications WHERE next_attempt_at <= $1 AND type = $4
        ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
      UPDATE notifications n SET attempts = attempts + 1, next_attempt_at = $2
      FROM due WHERE n.id = due.id
      RETURNING n.id, type, recipient, subject, body, due_date, created_at, attempts, user_id
      """,
      .microseconds(now.microseconds),
      .microseconds(heldUntil.microseconds),
      .integer(Int64(limit)),
      .text(type.name)
    )
    return try database.write(query) { row in
      Attempt(
        id: try row.text(0),
        type: NotificationType(name: try row.text(1)) ?? .unspecified,
        userID: try row.optionalText(8),
        recipient: try row.text(2),
        subject: try row.text(3),
        body: try row.text(4),
        dueDate: try row.optionalInstant(5),
        createdAt: try row.instant(6),
        number: Int(try row.integer(7))
      )
    }
  }

  /// Notes that one has been taken over by the recipient's server. That is so even when the time to hold it was over.
  /// `remark` is why some of several servers have not.
  ///
  /// - Throws: `DatabaseError`.
  public func recordSent(_ attempt: Attempt, remark: String? = nil, at now: Instant) throws {
    let query = Query(
      """
      UPDATE notifications SET sent = true, sent_at = $2, next_attempt_at = NULL, last_error = $3
      WHERE id = $1 AND NOT sent
      """,
      .text(attempt.id),
      .microseconds(now.microseconds),
      .optionalText(remark.map(Self.short))
    )
    _ = try database.write(query)
  }

  /// Notes that an attempt came to nothing, and when the next one is; `nil` for never. Unless `counts`, it was no
  /// attempt: nobody was there to take it.
  ///
  /// - Throws: `DatabaseError`.
  public func recordFailure(
    _ attempt: Attempt,
    reason: String,
    next: Instant?,
    counts: Bool
  ) throws {
    let query = Query(
      """
      UPDATE notifications SET last_error = $3, next_attempt_at = $4, attempts = attempts - $5
      WHERE id = $1 AND NOT sent AND attempts = $2
      """,
      .text(attempt.id),
      .integer(Int64(attempt.number)),
      .text(Self.short(reason)),
      .microseconds(next?.microseconds),
      .integer(counts ? 0 : 1)
    )
    _ = try database.write(query)
  }

  /// An error as its column can hold it.
  private static func short(_ error: String) -> String {
    String(error.unicodeScalars.prefix(maximumErrorCharacters))
  }

  /// Gives back some that were taken and not tried, as far as nobody else has them by now.
  ///
  /// - Throws: `DatabaseError`.
  public func release(_ attempts: [Attempt], until next: Instant) throws {
    guard !attempts.isEmpty else { return }
    let query = Query(
      """
      UPDATE notifications n SET attempts = n.attempts - 1, next_attempt_at = $2
      FROM unnest($1::varchar[], $3::integer[]) AS r(id, number)
      WHERE n.id = r.id AND n.attempts = r.number AND NOT n.sent AND n.next_attempt_at IS NOT NULL
      """,
      .texts(attempts.map(\.id)),
      .microseconds(next.microseconds),
      .texts(attempts.map { String($0.number) })
    )
    _ = try database.write(query)
  }

  /// Has those tried again that were given up: one, or with `nil` all that are not older than `maximumAgeSeconds`. How many.
  /// No browser has them, or they would count as sent: all are asked again.
  ///
  /// - Throws: `DatabaseError`.
  public func revive(_ id: ID?, at now: Instant, maximumAgeSeconds: Int) throws -> Int {
    var query = Query(
      """
      UPDATE notifications SET attempts = 0, next_attempt_at = $1, pushed_to = '{}'
      WHERE NOT sent AND next_attempt_at IS NULL
      """,
      .microseconds(now.microseconds)
    )
    if let id {
      query.sql += " AND id = " + query.bind(.text(id.text))
    } else {
      let oldest = now.adding(seconds: -Int64(maximumAgeSeconds))
      query.sql += " AND created_at > " + query.bind(.microseconds(oldest.microseconds))
    }
    return try database.write(query)
  }

  /// Removes up to `limit` notifications of a user, and tells whether there are more.
  ///
  /// - Throws: `DatabaseError`.
  public func deleteSome(of user: ID, limit: Int) throws -> Bool {
    let query = Query(
      """
      DELETE FROM notifications WHERE id IN (
        SELECT id FROM notifications WHERE user_id = $1 ORDER BY created_at, id LIMIT $2 FOR UPDATE)
      """,
      .text(user.text),
      .integer(Int64(limit))
    )
    if try database.write(query) == limit { return true }
    // Fewer were found when somebody else removes them at the same time.
    let rest = Query(
      "SELECT EXISTS (SELECT FROM notifications WHERE user_id = $1)",
      .text(user.text)
    )
    return try database.read(rest) { try $0.bool(0) }.first ?? false
  }

  /// Removes up to `limit` that were made before an instant and are sent or given up, and tells how many there were.
  ///
  /// - Throws: `DatabaseError`.
  public func purge(madeBefore instant: Instant, limit: Int) throws -> Int {
    let query = Query(
      """
      DELETE FROM notifications WHERE id IN (
        SELECT id FROM notifications WHERE created_at < $1 AND next_attempt_at IS NULL
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
      """,
      .microseconds(instant.microseconds),
      .integer(Int64(limit))
    )
    return try database.write(query)
  }

  /// One notification, if there is one and it is the owner's (anybody's when `owner` is `nil`).
  ///
  /// - Throws: `Problem` `NOTIFICATION_NOT_FOUND`; `DatabaseError`.
  public func find(_ id: ID, owner: String?) throws -> NotificationMessage {
    let query = Query(
      "SELECT " + Self.columns + " FROM notifications WHERE id = $1",
      .text(id.text)
    )
    guard let found = try database.read(query, map: NotificationMessage.init(row:)).first,
      owner == nil || found.hasUserID && found.userID == owner
    else { throw Problem.notificationNotFound }
    return found
  }

  /// One page of notifications, the newest first.
  ///
  /// - Throws: `DatabaseError`, or what the seal of the page token throws.
  public func page(_ listing: NotificationListing, pages: PageTokens) throws
    -> ListNotificationsResponse
  {
    var rows = try database.read(Self.listQuery(listing), map: NotificationMessage.init(row:))
    var response = ListNotificationsResponse()
    response.nextPageToken = try rows.cut(to: listing.page) {
      try listing.pageToken(after: $0, pages: pages)
    }
    response.notifications = rows
    return response
  }

  /// The statement of a list. One row more than the page has tells whether another page follows.
  public static func listQuery(_ listing: NotificationListing) -> Query {
    var query = Query("SELECT " + columns + " FROM notifications")
    var conditions: [SQL] = []
    if let owner = listing.owner { conditions.append("user_id = " + query.bind(.text(owner))) }
    if let cursor = listing.page.after {
      let key = query.bind(.text(cursor.key))
      let id = query.bind(.text(cursor.id))
      conditions.append("(created_at, id) < (" + key + ", " + id + ")")
    }
    if !conditions.isEmpty { query.sql += " WHERE " + conditions.joined(separator: " AND ") }
    query.sql += " ORDER BY created_at DESC, id DESC LIMIT "
    query.sql += query.bind(.integer(Int64(listing.page.size + 1)))
    return query
  }
}

extension NotificationMessage {
  /// The columns of `NotificationStore.columns`.
  fileprivate init(row: Row) throws {
    self.init()
    id = try row.text(0)
    type = NotificationType(name: try row.text(1)) ?? .unspecified
    recipient = try row.text(2)
    subject = try row.text(3)
    body = try row.text(4)
    sent = try row.bool(5)
    createdAt = Timestamp(try row.instant(6))
    if let userID = try row.optionalText(7) { self.userID = userID }
    if let sentAt = try row.optionalInstant(8) { self.sentAt = Timestamp(sentAt) }
    attempts = Int32(clamping: try row.integer(9))
    if let next = try row.optionalInstant(10) { nextAttemptAt = Timestamp(next) }
    if let lastError = try row.optionalText(11) { self.lastError = lastError }
  }
}
