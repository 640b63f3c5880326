public import API
import Endpoint
public import PostgreSQL
public import Validation
public import Values

/// The tasks, in `task_db`.
public struct TaskStore {
  private static let columns: SQL =
    "id, title, description, status, priority, user_id, due_date, reminders, created_at, updated_at, version"

  /// `columns` with the description only if it is not long. Otherwise its length, negative, is in the place of the version:
  /// an extra column would slow down every list.
  private static let listColumns: SQL = """
    id, title, CASE WHEN octet_length(description) <= \(longest) THEN description END, status, priority, user_id,
    due_date, reminders, created_at, updated_at,
    CASE WHEN octet_length(description) > \(longest) THEN -octet_length(description) ELSE version END
    """

  private static let longest = SQL(number: PageBytes.longestInRow)

  private let database: TimedDatabase
  private let leads: LeadTimes

  /// The tasks of a database, and the times before their due dates at which owners are reminded.
  public init(database: TimedDatabase, leads: LeadTimes = .usual) {
    self.database = database
    self.leads = leads
  }

  private static let insertion: SQL = """
    INSERT INTO tasks (id, title, description, status, priority, user_id, due_date,
      created_at, updated_at, next_reminder_at, reminders)
    VALUES (:id, :title, :description, :status, :priority, :user_id, :due_date,
      :now, :now, :next_reminder_at, :reminders)
    """

  private static let insert = Statement(insertion)

  private static let assign = Statement(
    """
    WITH task AS (\(insertion) RETURNING id, user_id)
    \(EventStore.insertion(.taskAssigned, at: ":now", user: "user_id", actor: ":assigner")) FROM task
    """
  )

  /// Adds a task. `assigner` is whoever adds it for somebody else, of which an event is written.
  ///
  /// - Throws: `DatabaseError`.
  public func insert(_ draft: TaskDraft, id: ID, assigner: ID? = nil, at now: Instant) throws
    -> TaskMessage
  {
    let arguments: Query.Arguments = [
      "id": .id(id),
      "title": .text(draft.title),
      "description": .text(draft.description),
      "status": .text(draft.status.name),
      "priority": .text(draft.priority.name),
      "user_id": .id(draft.userID),
      "due_date": .instant(draft.dueDate),
      "now": .instant(now),
      "next_reminder_at": .instant(firstReminder(of: draft, at: now)),
      "reminders": draft.reminders.map { .integers($0) } ?? .null,
    ]
    let query =
      if let assigner {
        Query(Self.assign, arguments.adding("assigner", .id(assigner)))
      } else {
        Query(Self.insert, arguments)
      }
    _ = try database.write(query)
    return TaskMessage(draft, id: id, at: now)
  }

  /// The time when a new task is to be checked for reminders. Nobody is reminded of a task that was due before it was
  /// created.
  private func firstReminder(of draft: TaskDraft, at now: Instant) -> Instant? {
    guard let dueDate = draft.dueDate, dueDate > now, draft.status.isOpen,
      let minutes = draft.reminders.map(\.first) ?? leads.minutes.first
    else { return nil }
    return dueDate.adding(seconds: -60 * Int64(minutes))
  }

  private static let find = Statement("SELECT \(columns) FROM tasks WHERE id = :id")

  /// Finds a task of the owner (of anybody when `owner` is `nil`).
  ///
  /// - Throws: `Problem` `TASK_NOT_FOUND`; `DatabaseError`.
  public func find(_ id: ID, owner: ID?) throws -> TaskMessage {
    let task = try database.first(
      Query(Self.find, ["id": .id(id)]),
      map: TaskMessage.init(row:)
    )
    guard let task, owner == nil || task.userID == owner?.text else { throw Problem.taskNotFound }
    return task
  }

  /// The due date that the task will have.
  private static let newDueDate: SQL = "{:due_date::timestamptz ?? due_date}"

  /// Whether, after its due date, a task may still have a reminder that is owed: one that is not new. Those that are
  /// taken away are left out by whoever records the rest.
  private static let keepsReminder: SQL = """
    true {AND (:reminders::integer[] IS NOT DISTINCT FROM reminders OR EXISTS (
      SELECT FROM unnest(coalesce(:reminders::integer[], :leads::integer[])) AS lead
      WHERE lead = ANY (coalesce(reminders, :leads::integer[]))
        AND due_date - lead * interval '1 minute' >= next_reminder_at))}
    """

  /// Before the due date, the time of the next reminder is found as for a new task; the reminders table knows those
  /// already sent. After it, the time stays as it is, for what has come since and is not recorded yet is still owed; and
  /// a task that was done by then, or that is given a due date that has passed, has no reminder.
  ///
  /// `:leads` is given when the time has to be found again.
  private static let changes: SQL = """
    SET version = version + 1, updated_at = :now
      {, title = :title}
      {, description = :description}
      {, status = :status::task_status}
      {, priority = :priority}
      {, due_date = :due_date::timestamptz}
      {, reminders = :reminders::integer[]}
      {, user_id = :user_id}
      {, next_reminder_at = CASE
        WHEN {:status::task_status ?? status} NOT IN ('PENDING', 'IN_PROGRESS') THEN NULL
        WHEN \(newDueDate) > :now THEN \(newDueDate) - interval '1 minute' * (
          SELECT max(lead) FROM unnest(coalesce({:reminders::integer[] ?? reminders}, :leads::integer[])) AS lead)
        WHEN \(newDueDate) = due_date AND status IN ('PENDING', 'IN_PROGRESS') AND \(keepsReminder)
        THEN next_reminder_at END}
    """

  private static let conditions: SQL = """
    {AND user_id = :owner}
    {AND version = :expected_version}
    {AND status = ANY (:sources::task_status[])}
    """

  private static let update = Statement(
    "UPDATE tasks \(changes) WHERE id = :id \(conditions) RETURNING \(columns)"
  )

  /// The previous owner is read under the lock that the change needs anyway.
  private static let handOn = Statement(
    """
    WITH before AS (
      SELECT id AS task_id, user_id AS owner FROM tasks WHERE id = :id FOR UPDATE),
    task AS (
      UPDATE tasks \(changes) FROM before WHERE id = task_id \(conditions) RETURNING \(columns)),
    event AS (
      \(EventStore.insertion(.taskAssigned, at: ":now", user: "user_id", actor: ":assigner"))
      FROM task, before WHERE user_id <> owner)
    SELECT \(columns) FROM task
    """
  )

  /// Changes a task in one statement: every condition is part of it, so nothing can come between. `assigner` is whoever
  /// hands it to somebody else, of which an event is written.
  ///
  /// - Throws: `Problem` `TASK_NOT_FOUND`, `VERSION_MISMATCH`, `INVALID_TRANSITION`; `DatabaseError`.
  public func update(
    _ id: ID,
    with changes: TaskChanges,
    owner: ID?,
    assigner: ID? = nil,
    at now: Instant
  ) throws -> TaskMessage {
    let query = updateQuery(id, changes, owner, assigner, now)
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
      // Somebody changed it between the two statements, so it may match now.
    }
    throw Problem.unavailable(cause: "task \(id) changed between three attempts")
  }

  private func updateQuery(
    _ id: ID,
    _ changes: TaskChanges,
    _ owner: ID?,
    _ assigner: ID?,
    _ now: Instant
  ) -> Query {
    let movesReminder = changes.status != nil || changes.dueDate != nil || changes.reminders != nil
    let arguments: Query.Arguments = [
      "now": .instant(now),
      "title": changes.title.map { .text($0) },
      "description": changes.description.map { .text($0) },
      "status": changes.status.map { .text($0.name) },
      "priority": changes.priority.map { .text($0.name) },
      "due_date": changes.dueDate.map { .instant($0) },
      "reminders": changes.reminders.map { $0.map { .integers($0) } ?? .null },
      "user_id": changes.userID.map { .id($0) },
      "leads": movesReminder ? .integers(leads.minutes) : nil,
      "id": .id(id),
      "owner": owner.map { .id($0) },
      "expected_version": changes.expectedVersion.map { .integer($0) },
      "sources": changes.status.map { .texts($0.reachableFrom.map(\.name)) },
    ]
    guard let assigner, changes.userID != nil else { return Query(Self.update, arguments) }
    return Query(Self.handOn, arguments.adding("assigner", .id(assigner)))
  }

  private static let delete = Statement(
    "DELETE FROM tasks WHERE id = :id {AND user_id = :owner} {AND version = :expected_version}"
  )

  /// Removes a task.
  ///
  /// - Throws: `Problem` `TASK_NOT_FOUND`, `VERSION_MISMATCH`; `DatabaseError`.
  public func delete(_ id: ID, expectedVersion: Int64?, owner: ID?) throws {
    let query = Query(
      Self.delete,
      [
        "id": .id(id),
        "owner": owner.map { .id($0) },
        "expected_version": expectedVersion.map { .integer($0) },
      ]
    )
    guard try database.write(query) == 0 else { return }
    throw Problem.changed("task", since: try find(id, owner: owner).version)
  }

  private static let deleteSome = Statement(
    """
    DELETE FROM tasks WHERE id IN (
      SELECT id FROM tasks WHERE user_id = :user ORDER BY created_at, id LIMIT :limit FOR UPDATE)
    """
  )

  private static let hasAny = Statement(
    "SELECT EXISTS (SELECT FROM tasks WHERE user_id = :user)"
  )

  /// Removes up to `limit` tasks of a user.
  ///
  /// - Returns: whether there are more.
  /// - Throws: `DatabaseError`.
  public func deleteSome(of user: ID, limit: Int) throws -> Bool {
    let query = Query(Self.deleteSome, ["user": .id(user), "limit": .integer(limit)])
    if try database.write(query) == limit { return true }
    // Fewer are found if somebody else removes them at the same time.
    return try database.one(Query(Self.hasAny, ["user": .id(user)])) { try $0.bool(0) }
  }

  private static let cancelAssignment = Statement(
    """
    WITH task AS (
      UPDATE tasks
      SET status = 'CANCELLED', version = version + 1, updated_at = :now, next_reminder_at = NULL
      WHERE id = :id AND user_id = :user AND status IN ('PENDING', 'IN_PROGRESS')
      RETURNING id, user_id)
    \(EventStore.insertion(.assignmentFailed, at: ":now", user: "user_id", actor: ":assigner")) FROM task
    """
  )

  /// Cancels a task that was assigned to a user who does not exist, if it is still that user's and not done. An event
  /// names whoever assigned it.
  ///
  /// - Throws: `DatabaseError`.
  public func cancelAssignment(of id: ID, to user: ID, by assigner: ID, at now: Instant) throws {
    let query = Query(
      Self.cancelAssignment,
      [
        "now": .instant(now), "id": .id(id), "user": .id(user), "assigner": .id(assigner),
      ]
    )
    _ = try database.write(query)
  }

  /// Lists a page of tasks.
  ///
  /// - Throws: `DatabaseError`, or what the MAC of the page token throws.
  public func page(_ listing: TaskListing, pages: PageTokens) throws -> ListTasksResponse {
    var long: LongTexts = [:]
    var tasks = try rows(listing, &long)
    var response = ListTasksResponse()
    response.nextPageToken = try tasks.cut(
      to: listing.page,
      completing: long,
      id: { $0.id },
      length: { $0.title.utf8.count + $0.description_p.utf8.count },
      bytes: { PageBytes.count($0.title) + PageBytes.count($0.description_p) },
      read: { try complete($0) },
      token: { try listing.pageToken(after: $0, pages: pages) }
    )
    response.tasks = tasks
    return response
  }

  /// The rows of a page, and one that shows whether another page follows.
  ///
  /// Tasks with frequent search terms are found soon among those that come first. All others are found by their index:
  /// few enough to be sorted.
  private func rows(_ listing: TaskListing, _ long: inout LongTexts) throws -> [TaskMessage] {
    var rows: [TaskMessage] = []
    for range in Self.ranges(of: listing) {
      let limit = listing.page.size + 1 - rows.count
      var found: [TaskMessage] = []
      for query in Self.listQueries(listing, range, limit: limit) {
        found = try database.read(query, map: TaskMessage.init(row:))
        if found.count == limit { break }
      }
      for index in found.indices where found[index].version < 0 {
        long[found[index].id] = -Int(found[index].version)
      }
      if rows.isEmpty { rows = found } else { rows += found }
      if found.count == limit { break }
    }
    return rows
  }

  private static let findAll = Statement(
    "SELECT \(columns) FROM tasks WHERE id = ANY (:ids::varchar[])"
  )

  /// Finds tasks by their ids, whosever they are.
  private func complete(_ ids: [String]) throws -> [String: TaskMessage] {
    let tasks = try database.read(
      Query(Self.findAll, ["ids": .texts(ids)]),
      map: TaskMessage.init(row:)
    )
    return Dictionary(uniqueKeysWithValues: tasks.map { ($0.id, $0) })
  }

  /// The statements of the list in one order and direction.
  fileprivate struct Lists {
    /// Regardless of the text.
    let all: Statement
    /// Tasks with the search terms, of the first `:depth` that the other filters leave.
    let searchAhead: Statement
    /// Tasks with the search terms. The planner must not look for them in the list's order, because it cannot know whether
    /// an owner has the terms that are frequent with others: `OFFSET 0` has it find all of them first.
    let searchIndex: Statement

    /// `key` is the expression in the indexes, `condition` one that is part of the list.
    init(by key: SQL, _ direction: SQL, _ comparison: SQL, where condition: SQL = "true") {
      let filters: SQL = """
        WHERE \(condition)
          {AND user_id = :owner}
          {AND (\(key), id) \(comparison) (:after_key, :after_id)}
          {AND status = ANY (:statuses::task_status[])}
          {AND priority = ANY (:priorities::task_priority[])}
          {AND \(dueDate) < :due_before}
          {AND \(dueDate) >= :due_after AND due_date IS NOT NULL}
        """
      let order: SQL = "ORDER BY \(key) \(direction), id \(direction)"
      all = Statement("SELECT \(listColumns) FROM tasks \(filters) \(order) LIMIT :limit")
      searchAhead = Statement(
        """
        SELECT \(listColumns) FROM (SELECT * FROM tasks \(filters) \(order) LIMIT :depth) AS tasks
        WHERE \(isFound) \(order) LIMIT :limit
        """,
        isPlannedEachTime: true
      )
      searchIndex = Statement(
        """
        SELECT \(listColumns) FROM (SELECT * FROM tasks \(filters) AND \(isFound) OFFSET 0) AS tasks
        \(order) LIMIT :limit
        """,
        isPlannedEachTime: true
      )
    }
  }

  private static let dueDate: SQL = "coalesce(due_date, 'infinity'::timestamptz)"

  /// Whether a task has the search terms, if there are any in the text.
  private static let isFound: SQL = """
    (search_query(:search_terms) IS NULL
      OR search_vector(title, description) @@ search_query(:search_terms))
    """

  private static let creationAscending = Lists(by: "created_at", "ASC", ">")
  private static let creationDescending = Lists(by: "created_at", "DESC", "<")
  private static let changeAscending = Lists(by: "updated_at", "ASC", ">")
  private static let changeDescending = Lists(by: "updated_at", "DESC", "<")
  private static let priorityAscending = Lists(by: "priority", "ASC", ">")
  private static let priorityDescending = Lists(by: "priority", "DESC", "<")
  private static let dueDateAscending = Lists(by: dueDate, "ASC", ">")
  private static let dueDateDescending =
    Lists(by: dueDate, "DESC", "<", where: "\(dueDate) < 'infinity'")
  private static let withoutDueDate = Lists(
    by: dueDate,
    "DESC",
    "<",
    where: "\(dueDate) = 'infinity'"
  )

  /// A part of a list, which is read in the order of an index.
  struct Range {
    fileprivate let lists: Lists
    /// The row before the first; `nil` at the beginning of the range.
    fileprivate let after: Cursor?
  }

  /// The ranges of a list, one behind the other. The indexes have tasks without a due date at the end; so when the latest
  /// come first, there are two.
  static func ranges(of listing: TaskListing) -> [Range] {
    let after = listing.page.after
    switch (listing.key, listing.isDescending) {
    case (.createdAt, false): return [Range(lists: creationAscending, after: after)]
    case (.createdAt, true): return [Range(lists: creationDescending, after: after)]
    case (.updatedAt, false): return [Range(lists: changeAscending, after: after)]
    case (.updatedAt, true): return [Range(lists: changeDescending, after: after)]
    case (.priority, false): return [Range(lists: priorityAscending, after: after)]
    case (.priority, true): return [Range(lists: priorityDescending, after: after)]
    case (.dueDate, false): return [Range(lists: dueDateAscending, after: after)]
    case (.dueDate, true):
      let isBehindDates = after?.key == TaskListing.noDueDate
      return [
        isBehindDates ? nil : Range(lists: dueDateDescending, after: after),
        listing.dueBefore != nil || listing.dueAfter != nil
          ? nil : Range(lists: withoutDueDate, after: isBehindDates ? after : nil),
      ].compactMap { $0 }
    }
  }

  /// The statements that list up to `limit` tasks of a range, each of which is run if the one before it has not found as
  /// many.
  static func listQueries(_ listing: TaskListing, _ range: Range, limit: Int) -> [Query] {
    let arguments = arguments(listing, after: range.after, limit: limit)
    guard let terms = listing.searchTerms else { return [Query(range.lists.all, arguments)] }
    let search = arguments.adding("search_terms", .text(terms))
    return [
      Query(range.lists.searchAhead, search.adding("depth", .integer(searchDepth * limit))),
      Query(range.lists.searchIndex, search),
    ]
  }

  /// How many tasks are looked at for each that is to be found before the index is asked.
  private static let searchDepth = 4

  private static func arguments(_ listing: TaskListing, after: Cursor?, limit: Int)
    -> Query.Arguments
  {
    let (statuses, priorities) = (listing.statuses, listing.priorities)
    return [
      "owner": listing.owner.map { .id($0) },
      "after_key": after.map { .text($0.key) },
      "after_id": after.map { .text($0.id) },
      "statuses": statuses.isEmpty ? nil : .texts(statuses.map(\.name)),
      "priorities": priorities.isEmpty ? nil : .texts(priorities.map(\.name)),
      "due_before": listing.dueBefore.map { .instant($0) },
      "due_after": listing.dueAfter.map { .instant($0) },
      "limit": .integer(limit),
    ]
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

  /// The task that is made of a draft.
  fileprivate init(_ draft: TaskDraft, id: ID, at now: Instant) {
    self.init()
    self.id = id.text
    title = draft.title
    if let description = draft.description { description_p = description }
    status = draft.status
    priority = draft.priority
    userID = draft.userID.text
    if let dueDate = draft.dueDate { self.dueDate = Timestamp(dueDate) }
    if let minutes = draft.reminders { reminders.minutes = minutes.map(Int32.init) }
    createdAt = Timestamp(now)
    updatedAt = Timestamp(now)
    version = 1
  }
}
