public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The notifications, in `notification_db`: those that are to be sent, and the delivery results of the others.
///
/// Whoever claims one has a lease on it until `next_attempt_at`: nobody else finds it before then, unless the connection
/// is lost that claimed it. So no lock is held while mail is under way, and a notification that was claimed by a process
/// that died is tried by another.
public struct NotificationStore {
  /// A claimed notification, to be sent now.
  public struct Attempt: Equatable, Sendable {
    /// The notification's id.
    public let id: ID
    /// The channel.
    public let type: NotificationType
    /// The user for whom it is, if it is for a user.
    public let userID: ID?
    /// The recipient's address.
    public let recipient: String
    /// One line.
    public let subject: String
    /// Plain text.
    public let body: String
    /// The due date of the task of which it reminds.
    public let dueDate: Instant?
    /// The time when it was requested.
    public let createdAt: Instant
    /// The number of this attempt, from 1.
    public let number: Int
    /// The connection with which the claim ends; `nil` if it ends with its lease only.
    public let holder: Holder?
  }

  private static let columns: SQL = """
    id, type, recipient, subject, body, sent, created_at, user_id, sent_at, attempts, next_attempt_at, last_error
    """
  private static let maximumErrorCharacters = 500

  private let database: TimedDatabase

  /// The notifications of a database.
  public init(database: TimedDatabase) { self.database = database }

  private static let insertEmail = Statement(
    """
    INSERT INTO notifications
      (id, type, recipient, subject, body, created_at, attempts, next_attempt_at, claimed_until, claimed_by)
    VALUES (:id, 'EMAIL', :recipient, :subject, :body, :now, 1, :leased_until, :leased_until, :holder)
    RETURNING 1
    """
  )

  /// Adds an e-mail that the caller is about to send itself, with a lease until `leasedUntil`.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(_ draft: EmailDraft, id: ID, at now: Instant, leasedUntil: Instant) throws
    -> Attempt
  {
    let arguments: Query.Arguments = [
      "id": .id(id),
      "recipient": .text(draft.recipient),
      "subject": .text(draft.subject),
      "body": .text(draft.body),
      "now": .instant(now),
      "leased_until": .instant(leasedUntil),
    ]
    // Functions may go through a pooler.
    let holder = try database.claim(Self.insertEmail, arguments, needsHolder: false) { $1 }.first
    return Attempt(
      id: id,
      type: .email,
      userID: nil,
      recipient: draft.recipient,
      subject: draft.subject,
      body: draft.body,
      dueDate: nil,
      createdAt: now,
      number: 1,
      holder: holder ?? nil
    )
  }

  /// Whoever forgets the user waits for the lock on the contact, and removes the rows written here. The update that
  /// changes nothing returns a row that already exists.
  private static let insertNotice = Statement(
    """
    WITH contact AS (
      SELECT email, email_notifications, push_notifications FROM contacts
      WHERE user_id = :user_id AND forgotten_at IS NULL FOR SHARE),
    channels AS (
      SELECT :email_id::varchar AS id, 'EMAIL'::notification_type AS type, email AS recipient, :key::varchar AS key
      FROM contact WHERE email_notifications
      UNION ALL
      SELECT :push_id::varchar, 'PUSH', :user_id, :key || '/push' FROM contact
      WHERE push_notifications AND EXISTS (
        SELECT FROM push_subscriptions WHERE user_id = :user_id AND (expires_at IS NULL OR expires_at > :now)))
    INSERT INTO notifications
      (id, type, user_id, recipient, subject, body, key, due_date, created_at, next_attempt_at)
    SELECT id, type, :user_id, recipient, :subject, :body, key, :due_date, :now, :now FROM channels
    ON CONFLICT (key) DO UPDATE SET key = notifications.key
    RETURNING \(columns)
    """
  )

  /// Adds a notification for each of the user's channels that is on, to be sent from now on. If there is one under the
  /// same key, it is returned instead. Nothing is added for a user who was deleted or has no channel on.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(
    _ draft: NotificationDraft,
    localTime: String,
    ids: (email: ID, push: ID),
    at now: Instant
  ) throws -> [NotificationMessage] {
    let query = Query(
      Self.insertNotice,
      [
        "user_id": .id(draft.userID),
        "email_id": .id(ids.email),
        "key": .text(draft.key),
        "push_id": .id(ids.push),
        "now": .instant(now),
        "subject": .text(draft.subject),
        "body": .text(draft.body(localTime: localTime)),
        "due_date": .instant(draft.countsDown ? draft.dueDate : nil),
      ]
    )
    return try database.write(query, map: NotificationMessage.init(row:))
  }

  private static let findNotice = Statement(
    "SELECT \(columns) FROM notifications WHERE key = ANY (:keys::varchar[]) ORDER BY key"
  )

  /// Finds the notifications that a user was sent under the same key.
  ///
  /// - Throws: `DatabaseError`.
  public func find(_ draft: NotificationDraft) throws -> [NotificationMessage] {
    try database.read(
      Query(Self.findNotice, ["keys": .texts([draft.key, draft.key + "/push"])]),
      map: NotificationMessage.init(row:)
    )
  }

  private static let isAnyDue = Statement(
    "SELECT EXISTS (SELECT FROM notifications WHERE next_attempt_at <= :now AND type = :type)"
  )

  /// Tells whether a notification of a type is due.
  ///
  /// - Throws: `DatabaseError`.
  public func isAnyDue(_ type: NotificationType, at now: Instant) throws -> Bool {
    try database.one(Query(Self.isAnyDue, ["now": .instant(now), "type": .text(type.name)])) {
      try $0.bool(0)
    }
  }

  private static let claim = Statement(
    """
    WITH due AS MATERIALIZED (
      SELECT id FROM notifications WHERE next_attempt_at <= :now AND type = :type
      ORDER BY next_attempt_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE notifications n SET attempts = attempts + 1, \(Claims.assignment)
    FROM due WHERE n.id = due.id
    RETURNING n.id, type, recipient, subject, body, due_date, created_at, attempts, user_id
    """
  )

  private static let releaseOrphans = Claims.release(
    in: "notifications",
    "id",
    same: "t.id = o.id",
    only: "type = :type"
  )

  /// Releases notifications of a type whose claims have ended with their holders.
  ///
  /// - Returns: the number of notifications released.
  /// - Throws: `DatabaseError`.
  @discardableResult
  public func releaseOrphans(_ type: NotificationType, at now: Instant) throws -> Int {
    try database.write(
      Query(Self.releaseOrphans, ["now": .instant(now), "type": .text(type.name)])
    )
  }

  /// Makes sure that a notification is still claimed.
  ///
  /// - Throws: `DatabaseError`, also when the claim has ended with its holder.
  public func confirm(_ attempt: Attempt) throws { try database.confirm(attempt.holder) }

  /// Claims up to `limit` due notifications of a type, the longest waiting first, with a lease until `leasedUntil`.
  ///
  /// - Throws: `DatabaseError`, also when the connection leads through a pooler.
  public func claim(
    _ limit: Int,
    _ type: NotificationType,
    at now: Instant,
    leasedUntil: Instant
  ) throws -> [Attempt] {
    let arguments: Query.Arguments = [
      "now": .instant(now),
      "type": .text(type.name),
      "limit": .integer(limit),
      "leased_until": .instant(leasedUntil),
    ]
    return try database.claim(Self.claim, arguments, needsHolder: true) { row, holder in
      Attempt(
        id: try row.id(0),
        type: NotificationType(name: try row.text(1)) ?? .unspecified,
        userID: try row.optionalID(8),
        recipient: try row.text(2),
        subject: try row.text(3),
        body: try row.text(4),
        dueDate: try row.optionalInstant(5),
        createdAt: try row.instant(6),
        number: Int(try row.integer(7)),
        holder: holder
      )
    }
  }

  private static let recordSent = Statement(
    """
    UPDATE notifications SET sent = true, sent_at = :now, next_attempt_at = NULL, last_error = :remark
    WHERE id = :id AND NOT sent
    """
  )

  /// Records that the recipient's server has accepted a notification, even if the lease has expired. `remark` tells why
  /// some of several servers have not.
  ///
  /// - Throws: `DatabaseError`.
  public func recordSent(_ attempt: Attempt, remark: String? = nil, at now: Instant) throws {
    let query = Query(
      Self.recordSent,
      [
        "now": .instant(now), "remark": .text(remark.map(Self.short)), "id": .id(attempt.id),
      ]
    )
    _ = try database.write(query)
  }

  private static let recordFailure = Statement(
    """
    UPDATE notifications
    SET last_error = :reason, next_attempt_at = :next, attempts = attempts - :uncounted
    WHERE id = :id AND NOT sent AND attempts = :number
    """
  )

  /// Records that an attempt failed, and the time of the next one; `nil` for never. Unless `counts`, it was not an
  /// attempt, because the server was unavailable.
  ///
  /// - Throws: `DatabaseError`.
  public func recordFailure(
    _ attempt: Attempt,
    reason: String,
    next: Instant?,
    counts: Bool
  ) throws {
    let query = Query(
      Self.recordFailure,
      [
        "reason": .text(Self.short(reason)),
        "next": .instant(next),
        "uncounted": .integer(counts ? 0 : 1),
        "id": .id(attempt.id),
        "number": .integer(attempt.number),
      ]
    )
    _ = try database.write(query)
  }

  /// An error, cut to fit its column.
  private static func short(_ error: String) -> String {
    String(error.unicodeScalars.prefix(maximumErrorCharacters))
  }

  private static let release = Statement(
    """
    UPDATE notifications n SET attempts = n.attempts - 1, next_attempt_at = :next
    FROM unnest(:ids::varchar[], :numbers::integer[]) AS r(id, number)
    WHERE n.id = r.id AND n.attempts = r.number AND NOT n.sent AND n.next_attempt_at IS NOT NULL
    """
  )

  /// Releases notifications that were claimed and not tried, unless somebody else has claimed them by now.
  ///
  /// - Throws: `DatabaseError`.
  public func release(_ attempts: [Attempt], until next: Instant) throws {
    guard !attempts.isEmpty else { return }
    let query = Query(
      Self.release,
      [
        "next": .instant(next),
        "ids": .ids(attempts.map(\.id)),
        "numbers": .integers(attempts.map(\.number)),
      ]
    )
    _ = try database.write(query)
  }

  private static let retry = Statement(
    """
    UPDATE notifications SET attempts = 0, next_attempt_at = :now, pushed_to = '{}'
    WHERE NOT sent AND next_attempt_at IS NULL AND {id = :id ?? created_at > :oldest}
    """
  )

  /// Retries discarded notifications: one, or for `nil` all that are not older than `maximumAgeSeconds`. No browser has
  /// received them, or they would count as sent, so all browsers are tried again.
  ///
  /// - Returns: the number of notifications to be retried.
  /// - Throws: `DatabaseError`.
  public func retry(_ id: ID?, at now: Instant, maximumAgeSeconds: Int) throws -> Int {
    let oldest = now.adding(seconds: -Int64(maximumAgeSeconds))
    return try database.write(
      Query(
        Self.retry,
        ["now": .instant(now), "id": id.map { .id($0) }, "oldest": .instant(oldest)]
      )
    )
  }

  private static let deleteSome = Statement(
    """
    DELETE FROM notifications WHERE id IN (
      SELECT id FROM notifications WHERE user_id = :user ORDER BY created_at, id LIMIT :limit FOR UPDATE)
    """
  )

  private static let hasAny = Statement(
    "SELECT EXISTS (SELECT FROM notifications WHERE user_id = :user)"
  )

  /// Removes up to `limit` notifications of a user.
  ///
  /// - Returns: whether there are more.
  /// - Throws: `DatabaseError`.
  public func deleteSome(of user: ID, limit: Int) throws -> Bool {
    let query = Query(Self.deleteSome, ["user": .id(user), "limit": .integer(limit)])
    if try database.write(query) == limit { return true }
    // Fewer are found if somebody else removes them at the same time.
    return try database.one(Query(Self.hasAny, ["user": .id(user)])) { try $0.bool(0) }
  }

  private static let purge = Statement(
    """
    DELETE FROM notifications WHERE id IN (
      SELECT id FROM notifications WHERE created_at < :before AND next_attempt_at IS NULL
      ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    """
  )

  /// Removes up to `limit` notifications that were created before an instant and have been sent or discarded.
  ///
  /// - Returns: the number of notifications removed.
  /// - Throws: `DatabaseError`.
  public func purge(madeBefore instant: Instant, limit: Int) throws -> Int {
    try database.write(
      Query(Self.purge, ["before": .instant(instant), "limit": .integer(limit)])
    )
  }

  private static let find = Statement("SELECT \(columns) FROM notifications WHERE id = :id")

  /// Finds a notification of the owner (of anybody when `owner` is `nil`).
  ///
  /// - Throws: `Problem` `NOTIFICATION_NOT_FOUND`; `DatabaseError`.
  public func find(_ id: ID, owner: ID?) throws -> NotificationMessage {
    let found = try database.first(
      Query(Self.find, ["id": .id(id)]),
      map: NotificationMessage.init(row:)
    )
    guard let found, owner == nil || found.hasUserID && found.userID == owner?.text else {
      throw Problem.notificationNotFound
    }
    return found
  }

  /// `columns` with the body only if it is not long, and its length. One extra row shows whether another page follows.
  private static let list = Statement(
    """
    SELECT id, type, recipient, subject,
      CASE WHEN octet_length(body) <= \(SQL(number: PageBytes.longestInRow)) THEN body ELSE '' END,
      sent, created_at, user_id, sent_at, attempts, next_attempt_at, last_error, octet_length(body)
    FROM notifications
    WHERE true
      {AND user_id = :owner}
      {AND (created_at, id) < (:after_key, :after_id)}
    ORDER BY created_at DESC, id DESC LIMIT :limit
    """
  )

  private static let findAll = Statement(
    "SELECT \(columns) FROM notifications WHERE id = ANY (:ids::varchar[])"
  )

  /// Lists a page of notifications, the newest first.
  ///
  /// - Throws: `DatabaseError`, or what the MAC of the page token throws.
  public func page(_ listing: NotificationListing, pages: PageTokens) throws
    -> ListNotificationsResponse
  {
    let query = Query(
      Self.list,
      [
        "owner": listing.owner.map { .id($0) },
        "after_key": listing.page.after.map { .text($0.key) },
        "after_id": listing.page.after.map { .text($0.id) },
        "limit": .integer(listing.page.size + 1),
      ]
    )
    var long: LongTexts = [:]
    var rows = try database.read(query) { row in
      let notification = try NotificationMessage(row: row)
      if notification.body.isEmpty { long[notification.id] = Int(try row.integer(12)) }
      return notification
    }
    var response = ListNotificationsResponse()
    response.nextPageToken = try rows.cut(
      to: listing.page,
      completing: long.filter { $0.value > 0 },
      id: { $0.id },
      length: {
        $0.recipient.utf8.count + $0.subject.utf8.count + $0.body.utf8.count
          + $0.lastError.utf8.count
      },
      bytes: {
        [$0.recipient, $0.subject, $0.body, $0.lastError].map(PageBytes.count).reduce(0, +)
      },
      read: { try complete($0) },
      token: { try listing.pageToken(after: $0, pages: pages) }
    )
    response.notifications = rows
    return response
  }

  /// Finds notifications by their ids, whosever they are.
  private func complete(_ ids: [String]) throws -> [String: NotificationMessage] {
    let found = try database.read(
      Query(Self.findAll, ["ids": .texts(ids)]),
      map: NotificationMessage.init(row:)
    )
    return Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) })
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
