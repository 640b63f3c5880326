public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The tasks, in `task_db`.
public struct TaskStore {
  private static let columns: SQL =
    "id, title, description, status, priority, user_id, due_date, reminders, created_at, updated_at, version"

  private static let findSQL: SQL = "SELECT " + columns + " FROM tasks WHERE id = $1"
  private static let listSQL: SQL = "SELECT " + columns + " FROM tasks"

  private let database: Database
  /// How long before its due date a task is looked at for its first reminder, in minutes; `nil` for never.
  private let firstLeadMinutes: Int64?

  /// The tasks of a database, and how long before they are due their owners are reminded.
  public init(database: Database, leads: LeadTimes = .usual) {
    self.database = database
    firstLeadMinutes = leads.minutes.first.map(Int64.init)
  }

  /// Adds a task; `assigner` is who adds it for somebody else, of which an event tells.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(_ draft: TaskDraft, id: ID, assigner: String? = nil, at now: Instant) throws
    -> TaskMessage
  {
    var query = Query(
      """
      INSERT INTO tasks (id, title, description, status, priority, user_id, due_date,
        created_at, updated_at, next_reminder_at, reminders)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)
      """,
      .text(id.text),
      .text(draft.title),
      .optionalText(draft.description),
      .text(draft.status.name),
      .text(draft.priority.name),
      .text(draft.userID),
      .microseconds(draft.dueDate?.microseconds),
      .microseconds(now.microseconds),
      .microseconds(firstReminder(of: draft, at: now)?.microseconds),
      draft.reminders.map { .texts($0.map(String.init)) } ?? .null
    )
    if let assigner {
      query.sql = "WITH task AS (" + query.sql + " RETURNING id, user_id) "
      query.sql += EventStore.insertion(.taskAssigned, at: "$8", user: "user_id", actor: "$11")
      query.sql += " FROM task"
      _ = query.bind(.text(assigner))
    }
    _ = try database.write(query)
    return TaskMessage(draft, id: id, at: now)
  }

  /// When a new task is to be looked at for reminders. Nobody is reminded of what was due before it was written down.
  private func firstReminder(of draft: TaskDraft, at now: Instant) -> Instant? {
    guard let dueDate = draft.dueDate, dueDate > now, draft.status.isOpen,
      let minutes = draft.reminders.map({ $0.first.map(Int64.init) }) ?? firstLeadMinutes
    else { return nil }
    return dueDate.adding(seconds: -60 * minutes)
  }

  /// One task, if there is one and it is the owner's (anybody's when `owner` is `nil`).
  ///
  /// - Throws: `Problem` `TASK_NOT_FOUND`; `DatabaseError`.
  public func find(_ id: ID, owner: String?) throws -> TaskMessage {
    let rows = try database.read(
      Query(Self.findSQL, .text(id.text)),
      map: TaskMessage.init(row:)
    )
    guard let task = rows.first, owner == nil || task.userID == owner else {
      throw Problem.taskNotFound
    }
    return task
  }

  /// Changes a task in one statement: every condition stands in it, so nothing can come between. `assigner` is who
  /// hands it to somebody else, of which an event tells.
  ///
  /// - Throws: `Problem` `TASK_NOT_FOUND`, `VERSION_MISMATCH`, `INVALID_TRANSITION`; `DatabaseError`.
  public func update(
    _ id: ID,
    with changes: TaskChanges,
    owner: String?,
    assigner: String? = nil,
    at now: Instant
  ) throws -> TaskMessage {
    let isHandedOn = assigner != nil && changes.userID != nil
    var query = updateQuery(id, changes, owner, now, isHandedOn: isHandedOn)
    if let assigner, isHandedOn {
      let actor = query.bind(.text(assigner))
      // Whose it was is read under the lock that the change needs anyway.
      query.sql =
        "WITH before AS (SELECT id AS task_id, user_id AS owner FROM tasks WHERE id = $1 FOR UPDATE), task AS ("
        + query.sql + "), event AS ("
        + EventStore.insertion(.taskAssigned, at: "$2", user: "user_id", actor: actor)
        + " FROM task, before WHERE user_id <> owner) SELECT " + Self.columns + " FROM task"
    }
    for _ in 0..<3 {
      if let task = try database.write(query, map: TaskMessage.init(row:)).first { return task }
      // Nothing matched: find out why.
      let task = try find(id, owner: owner)
      if let expected = changes.expectedVersion, task.version != expected {
        throw Problem.changed("task", since: task.version)
      }
      if let status = changes.status, !task.status.next.contains(status) {
        throw Problem(
          .invalidTransition,
          "a task cannot go from \(task.status.name) to \(status.name)",
          details: ["allowed": task.status.next.map(\.name).joined(separator: ", ")]
        )
      }
      // Somebody changed it between the two statements: now it may match.
    }
    throw Problem.unavailable(cause: "task \(id) changed between three attempts")
  }

  private func updateQuery(
    _ id: ID,
    _ changes: TaskChanges,
    _ owner: String?,
    _ now: Instant,
    isHandedOn: Bool
  ) -> Query {
    var query = Query(
      "UPDATE tasks SET version = version + 1, updated_at = $2",
      .text(id.text),
      .microseconds(now.microseconds)
    )
    if let title = changes.title { query.sql += ", title = " + query.bind(.text(title)) }
    if let description = changes.description {
      query.sql += ", description = " + query.bind(.optionalText(description))
    }
    var (dueDate, status): (SQL, SQL) = ("due_date", "status")
    if let new = changes.status {
      status = query.bind(.text(new.name)) + "::task_status"
      query.sql += ", status = " + status
    }
    if let priority = changes.priority {
      query.sql += ", priority = " + query.bind(.text(priority.name))
    }
    if let new = changes.dueDate {
      dueDate = query.bind(.microseconds(new?.microseconds)) + "::timestamptz"
      query.sql += ", due_date = " + dueDate
    }
    var reminders: SQL = "reminders"
    if let new = changes.reminders {
      reminders = query.bind(new.map { .texts($0.map(String.init)) } ?? .null) + "::integer[]"
      query.sql += ", reminders = " + reminders
    }
    if changes.status != nil || changes.dueDate != nil || changes.reminders != nil {
      // As for a new task. What has gone out already is known to the reminders.
      let usual = query.bind(firstLeadMinutes.map(SQLValue.integer) ?? .null)
      query.sql += ", next_reminder_at = CASE WHEN " + dueDate + " > $2 AND " + status
      query.sql += " IN ('PENDING', 'IN_PROGRESS') THEN " + dueDate + " - CASE WHEN " + reminders
      query.sql += " IS NULL THEN " + usual + "::integer ELSE (SELECT max(minutes) FROM unnest("
      query.sql += reminders + ") AS minutes) END * interval '1 minute' END"
    }
    if let userID = changes.userID { query.sql += ", user_id = " + query.bind(.text(userID)) }
    query.sql += isHandedOn ? " FROM before WHERE id = task_id" : " WHERE id = $1"
    if let owner { query.sql += " AND user_id = " + query.bind(.text(owner)) }
    if let version = changes.expectedVersion {
      query.sql += " AND version = " + query.bind(.integer(version))
    }
    if let status = changes.status {
      let sources = query.bind(.texts(status.reachableFrom.map(\.name)))
      query.sql += " AND status = ANY (" + sources + "::task_status[])"
    }
    query.sql += " RETURNING " + Self.columns
    return query
  }

  /// Removes a task.
  ///
  /// - Throws: `Problem` `TASK_NOT_FOUND`, `VERSION_MISMATCH`; `DatabaseError`.
  public func delete(_ id: ID, expectedVersion: Int64?, owner: String?) throws {
    var query = Query("DELETE FROM tasks WHERE id = $1", .text(id.text))
    if let owner { query.sql += " AND user_id = " + query.bind(.text(owner)) }
    if let expectedVersion {
      query.sql += " AND version = " + query.bind(.integer(expectedVersion))
    }
    guard try database.write(query) == 0 else { return }
    throw Problem.changed("task", since: try find(id, owner: owner).version)
  }

  /// Removes up to `limit` tasks of a user, and tells whether there are more.
  ///
  /// - Throws: `DatabaseError`.
  public func deleteSome(of user: ID, limit: Int) throws -> Bool {
    let query = Query(
      """
      DELETE FROM tasks WHERE id IN (
        SELECT id FROM tasks WHERE user_id = $1 ORDER BY created_at, id LIMIT $2 FOR UPDATE)
      """,
      .text(user.text),
      .integer(Int64(limit))
    )
    if try database.write(query) == limit { return true }
    // Fewer were found when somebody else removes them at the same time.
    let rest = Query("SELECT EXISTS (SELECT FROM tasks WHERE user_id = $1)", .text(user.text))
    return try database.read(rest) { try $0.bool(0) }.first ?? false
  }

  /// Cancels a task that was assigned to a user who does not exist, as long as it is that user's and not done. An event
  /// tells who has assigned it.
  ///
  /// - Throws: `DatabaseError`.
  public func cancelAssignment(of id: String, to user: String, by assigner: String, at now: Instant)
    throws
  {
    var query = Query(
      """
      WITH task AS (
        UPDATE tasks SET status = 'CANCELLED', version = version + 1, updated_at = $2, next_reminder_at = NULL
        WHERE id = $1 AND user_id = $3 AND status IN ('PENDING', 'IN_PROGRESS') RETURNING id, user_id)
      """,
      .text(id),
      .microseconds(now.microseconds),
      .text(user),
      .text(assigner)
    )
    query.sql +=
      " " + EventStore.insertion(.assignmentFailed, at: "$2", user: "user_id", actor: "$4")
    query.sql += " FROM task"
    _ = try database.write(query)
  }

  /// One page of tasks.
  ///
  /// - Throws: `DatabaseError`, or what the seal of the page token throws.
  public func page(_ listing: TaskListing, pages: PageTokens) throws -> ListTasksResponse {
    var tasks = try database.read(Self.listQuery(listing), map: TaskMessage.init(row:))
    var response = ListTasksResponse()
    response.nextPageToken = try tasks.cut(to: listing.page) {
      try listing.pageToken(after: $0, pages: pages)
    }
    response.tasks = tasks
    return response
  }

  /// The statement of a list. One row more than the page has tells whether another page follows.
  public static func listQuery(_ listing: TaskListing) -> Query {
    var query = Query(listSQL)
    var conditions: [SQL] = []
    if let owner = listing.owner { conditions.append("user_id = " + query.bind(.text(owner))) }
    if let cursor = listing.page.after {
      let comparison: SQL = listing.isDescending ? ", id) < (" : ", id) > ("
      let key = query.bind(.text(cursor.key))
      let id = query.bind(.text(cursor.id))
      conditions.append("(" + listing.key.sql + comparison + key + ", " + id + ")")
    }
    if !listing.statuses.isEmpty {
      let statuses = query.bind(.texts(listing.statuses.map(\.name)))
      conditions.append("status = ANY (" + statuses + "::task_status[])")
    }
    if !listing.priorities.isEmpty {
      let priorities = query.bind(.texts(listing.priorities.map(\.name)))
      conditions.append("priority = ANY (" + priorities + "::task_priority[])")
    }
    if let dueBefore = listing.dueBefore {
      conditions.append(
        TaskListing.Key.dueDate.sql + " < " + query.bind(.microseconds(dueBefore.microseconds))
      )
    }
    if let dueAfter = listing.dueAfter {
      conditions.append(
        TaskListing.Key.dueDate.sql + " >= " + query.bind(.microseconds(dueAfter.microseconds))
      )
      conditions.append("due_date IS NOT NULL")
    }
    if let words = listing.words {
      let text: SQL = "to_tsvector('simple'::regconfig, title || ' ' || coalesce(description, ''))"
      conditions.append(text + " @@ plainto_tsquery('simple', " + query.bind(.text(words)) + ")")
    }
    if !conditions.isEmpty { query.sql += " WHERE " + conditions.joined(separator: " AND ") }
    let direction: SQL = listing.isDescending ? " DESC" : ""
    query.sql += " ORDER BY " + listing.key.sql + direction + ", id" + direction
    query.sql += " LIMIT " + query.bind(.integer(Int64(listing.page.size + 1)))
    return query
  }
}

extension TaskListing.Key {
  /// The expression that the indexes have.
  fileprivate var sql: SQL {
    switch self {
    case .createdAt: "created_at"
    case .updatedAt: "updated_at"
    case .dueDate: "coalesce(due_date, 'infinity'::timestamptz)"
    case .priority: "priority"
    }
  }
}

extension TaskMessage {
  /// The columns of `TaskStore.columns`.
  fileprivate init(row: Row) throws {
    self.init()
    id = try row.text(0)
    title = try row.text(1)
    if let description = try row.optionalText(2) { description_p = description }
    status = TaskStatus(name: try row.text(3)) ?? .unspecified
    priority = TaskPriority(name: try row.text(4)) ?? .unspecified
    userID = try row.text(5)
    if let dueDate = try row.optionalInstant(6) { self.dueDate = Timestamp(dueDate) }
    if let minutes = try row.optionalIntegers(7) { reminders.minutes = minutes }
    createdAt = Timestamp(try row.instant(8))
    updatedAt = Timestamp(try row.instant(9))
    version = try row.integer(10)
  }

  /// What a draft becomes.
  fileprivate init(_ draft: TaskDraft, id: ID, at now: Instant) {
    self.init()
    self.id = id.text
    title = draft.title
    if let description = draft.description { description_p = description }
    status = draft.status
    priority = draft.priority
    userID = draft.userID
    if let dueDate = draft.dueDate { self.dueDate = Timestamp(dueDate) }
    if let minutes = draft.reminders { reminders.minutes = minutes.map(Int32.init) }
    createdAt = Timestamp(now)
    updatedAt = Timestamp(now)
    version = 1
  }
}
