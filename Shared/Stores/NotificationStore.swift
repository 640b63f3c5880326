public import API
import Endpoint
public import PostgreSQL
public import Rules
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
      recipient: draft.recipient,
      subject: draft.subject,
      body: draft.body,
      dueDate: nil,
      createdAt: now,
      number: 1
    )
  }

  /// Adds a reminder to a user by e-mail, to be tried from now on; when there is one of the same task, due date and
  /// lead time, that one is it.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(
    _ draft: ReminderDraft,
    recipient: String,
    localTime: String,
    id: ID,
    at now: Instant
  ) throws -> NotificationMessage {
    // The change that changes nothing makes the row that is there already a result.
    let query = Query(
      """
      INSERT INTO notifications
        (id, type, user_id, recipient, subject, body, key, due_date, created_at, next_attempt_at)
      VALUES ($1, 'EMAIL', $2, $3, $4, $5, $6, $7, $8, $8)
      ON CONFLICT (key) DO UPDATE SET key = notifications.key
      RETURNING
      """ + " " + Self.columns,
      .text(id.text),
      .text(draft.userID.text),
      .text(recipient),
      .text(draft.subject),
      .text(draft.body(localTime: localTime)),
      .text(draft.key),
      .microseconds(draft.dueDate.microseconds),
      .microseconds(now.microseconds)
    )
    let rows = try database.write(query, map: NotificationMessage.init(row:))
    guard let row = rows.first else { throw DatabaseError.unexpectedValue("no row") }
    return row
  }

  /// Whether there is a reminder of the same task, due date and lead time: the one that was asked for before.
  ///
  /// - Throws: `DatabaseError`.
  public func find(_ draft: ReminderDraft) throws -> NotificationMessage? {
    let query = Query(
      "SELECT " + Self.columns + " FROM notifications WHERE key = $1",
      .text(draft.key)
    )
    return try database.read(query, map: NotificationMessage.init(row:)).first
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
      RETURNING n.id, type, recipient, subject, body, due_date, created_at, attempts
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
