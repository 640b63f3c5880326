public import API
public import PostgreSQL
public import Validation
public import Values

/// The reminders of tasks, in `task_db`: each (task, due date, lead time) is recorded once and for all.
public struct ReminderStore {
  /// How many were recorded by a step.
  public struct Recorded: Equatable, Sendable {
    /// Tasks that were looked at.
    public var tasks = 0
    /// Reminders that are to go out.
    public var pending = 0
    /// Reminders that will not, each with its reason.
    public var skipped = 0
  }

  /// A reminder that whoever was given this is to settle now: to hand it over, or to pass it over.
  public struct Handover: Equatable, Sendable {
    /// What the Notification service is told.
    public let request: SendTaskReminderRequest
    /// Why it must not go out any more; `nil` when it must.
    public let obstacle: String?
    /// Whether that is because the task has changed.
    let isTaskChanged: Bool
  }

  /// What has become of one.
  public enum Outcome: Equatable, Sendable {
    case handedOver
    case skipped(reason: String)
    case postponed(reason: String, until: Instant)

    fileprivate var isSkipped: Bool { if case .skipped = self { true } else { false } }
  }

  private let database: Database

  /// The reminders of a database.
  public init(database: Database) { self.database = database }

  /// Records the reminders of up to `limit` tasks whose time has come: of those that a task is due, the latest is to go
  /// out, and the others with it are passed over; so is what is later than `maximumAgeSeconds`.
  ///
  /// - Throws: `DatabaseError`.
  public func record(
    _ leads: LeadTimes,
    at now: Instant,
    maximumAgeSeconds: Int,
    limit: Int
  ) throws -> Recorded {
    try database.write(
      Self.recordQuery(leads, now, maximumAgeSeconds, limit),
      map: Recorded.init(row:)
    ).first ?? Recorded()
  }

  /// Takes up to `limit` reminders that are to go out, the longest waiting first, and holds them until `heldUntil`: nobody
  /// else finds them before.
  ///
  /// - Throws: `DatabaseError`.
  public func take(
    _ limit: Int,
    _ leads: LeadTimes,
    at now: Instant,
    heldUntil: Instant,
    maximumAgeSeconds: Int
  ) throws -> [Handover] {
    try database.write(
      Self.takeQuery(limit, leads, now, heldUntil, maximumAgeSeconds),
      map: Handover.init(row:)
    )
  }

  /// Notes what has become of some.
  ///
  /// - Throws: `DatabaseError`.
  public func settle(_ outcomes: [(Handover, Outcome)], at now: Instant) throws {
    guard !outcomes.isEmpty else { return }
    var states: [String] = []
    var reasons: [String] = []
    var next: [String] = []
    for (_, outcome) in outcomes {
      switch outcome {
      case .handedOver:
        states.append("HANDED_OVER")
        reasons.append("")
        next.append("")
      case .skipped(let reason):
        states.append("SKIPPED")
        reasons.append(reason)
        next.append("")
      case .postponed(let reason, let until):
        states.append("PENDING")
        reasons.append(reason)
        next.append(until.rfc3339)
      }
    }
    let query = Query(
      """
      UPDATE reminders r SET state = o.state::reminder_state, reason = nullif(left(o.reason, 200), ''),
        next_attempt_at = nullif(o.next, '')::timestamptz, was_task_changed = o.was_task_changed,
        settled_at = CASE WHEN o.state <> 'PENDING' THEN $1::timestamptz END
      FROM unnest($2::varchar[], $3::timestamptz[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::boolean[])
        AS o(task_id, due_date, lead_minutes, state, reason, next, was_task_changed)
      WHERE r.task_id = o.task_id AND r.due_date = o.due_date AND r.lead_minutes = o.lead_minutes
        AND r.state = 'PENDING'
      """,
      .microseconds(now.microseconds),
      .texts(outcomes.map(\.0.request.taskID)),
      .microsecondsArray(outcomes.map(\.0.request.dueDate.instant.microseconds)),
      .texts(outcomes.map { String($0.0.request.leadMinutes) }),
      .texts(states),
      .texts(reasons),
      .texts(next),
      .texts(outcomes.map { $0.0.isTaskChanged && $0.1.isSkipped ? "t" : "f" })
    )
    _ = try database.write(query)
  }

  /// What would go out now, at most `limit`; nothing is changed.
  ///
  /// - Throws: `DatabaseError`.
  public func preview(
    _ leads: LeadTimes,
    at now: Instant,
    maximumAgeSeconds: Int,
    limit: Int
  ) throws -> [Handover] {
    struct Undo: Error { let found: [Handover] }
    do {
      try database.transaction { transaction in
        _ = try transaction.run(Self.recordQuery(leads, now, maximumAgeSeconds, limit)) { _ in }
        let query = Self.takeQuery(limit, leads, now, now.adding(seconds: 1), maximumAgeSeconds)
        throw Undo(found: try transaction.run(query, map: Handover.init(row:)))
      }
      return []
    } catch let undo as Undo {
      return undo.found
    }
  }

  /// Removes up to `limit` that are settled and were of due dates before an instant, and tells how many there were. No task
  /// gets a new reminder of a due date that has passed.
  ///
  /// - Throws: `DatabaseError`.
  public func purge(dueBefore instant: Instant, limit: Int) throws -> Int {
    let query = Query(
      """
      DELETE FROM reminders r USING (
        SELECT task_id, due_date, lead_minutes FROM reminders
        WHERE due_date < $1 AND settled_at IS NOT NULL ORDER BY due_date LIMIT $2 FOR UPDATE SKIP LOCKED) old
      WHERE r.task_id = old.task_id AND r.due_date = old.due_date AND r.lead_minutes = old.lead_minutes
      """,
      .microseconds(instant.microseconds),
      .integer(Int64(limit))
    )
    return try database.write(query)
  }

  private static func recordQuery(
    _ leads: LeadTimes,
    _ now: Instant,
    _ maximumAgeSeconds: Int,
    _ limit: Int
  ) -> Query {
    Query(
      """
      WITH due AS MATERIALIZED (
        SELECT id, due_date, coalesce(reminders, $3::integer[]) AS leads,
          status IN ('PENDING', 'IN_PROGRESS') AS is_open
        FROM tasks WHERE next_reminder_at <= $1
        ORDER BY next_reminder_at LIMIT $2 FOR UPDATE SKIP LOCKED),
      times AS (
        SELECT id, due_date, lead, due_date - lead * interval '1 minute' AS at
        FROM due, unnest(leads) AS lead WHERE is_open),
      moved AS (
        UPDATE tasks SET next_reminder_at = next.at
        FROM due LEFT JOIN (SELECT id, min(at) AS at FROM times WHERE at > $1 GROUP BY id) next USING (id)
        WHERE tasks.id = due.id RETURNING 1),
      come AS (
        SELECT id, due_date, lead, lead > min(lead) OVER (PARTITION BY id) AS is_superseded,
          at < $1::timestamptz - $4 * interval '1 second' AS is_stale
        FROM times WHERE at <= $1),
      recorded AS (
        INSERT INTO reminders
          (task_id, due_date, lead_minutes, state, reason, created_at, settled_at, next_attempt_at)
        SELECT id, due_date, lead,
          CASE WHEN is_superseded OR is_stale THEN 'SKIPPED' ELSE 'PENDING' END::reminder_state,
          CASE WHEN is_superseded THEN 'a later reminder of the task was due as well'
               WHEN is_stale THEN 'too late' END,
          $1, CASE WHEN is_superseded OR is_stale THEN $1::timestamptz END,
          CASE WHEN NOT (is_superseded OR is_stale) THEN $1::timestamptz END
        FROM come
        -- What was dropped because the task changed may come back with the task; all else is settled.
        ON CONFLICT (task_id, due_date, lead_minutes) DO UPDATE SET
          state = excluded.state, reason = excluded.reason, settled_at = excluded.settled_at,
          next_attempt_at = excluded.next_attempt_at
        WHERE reminders.state = 'SKIPPED' AND reminders.was_task_changed
        RETURNING state)
      SELECT (SELECT count(*) FROM moved),
        count(*) FILTER (WHERE state = 'PENDING'), count(*) FILTER (WHERE state = 'SKIPPED') FROM recorded
      """,
      .microseconds(now.microseconds),
      .integer(Int64(limit)),
      .texts(leads.minutes.map(String.init)),
      .integer(Int64(maximumAgeSeconds))
    )
  }

  private static func takeQuery(
    _ limit: Int,
    _ leads: LeadTimes,
    _ now: Instant,
    _ heldUntil: Instant,
    _ maximumAgeSeconds: Int
  ) -> Query {
    Query(
      """
      WITH due AS MATERIALIZED (
        SELECT task_id, due_date, lead_minutes FROM reminders WHERE next_attempt_at <= $1
        ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
      UPDATE reminders r SET attempts = attempts + 1, next_attempt_at = $2
      FROM due JOIN tasks t ON t.id = due.task_id
      WHERE r.task_id = due.task_id AND r.due_date = due.due_date AND r.lead_minutes = due.lead_minutes
      RETURNING r.task_id, t.user_id, t.title, r.due_date, r.lead_minutes, t.priority,
        CASE WHEN t.status NOT IN ('PENDING', 'IN_PROGRESS') THEN 'the task is done or cancelled'
             WHEN t.due_date IS DISTINCT FROM r.due_date THEN 'the due date was changed'
             WHEN r.lead_minutes <> ALL (coalesce(t.reminders, $5::integer[])) THEN 'the reminders were changed'
             WHEN r.due_date - r.lead_minutes * interval '1 minute' < $1::timestamptz - $4 * interval '1 second'
               THEN 'too late' END,
        t.status NOT IN ('PENDING', 'IN_PROGRESS') OR t.due_date IS DISTINCT FROM r.due_date
          OR r.lead_minutes <> ALL (coalesce(t.reminders, $5::integer[]))
      """,
      .microseconds(now.microseconds),
      .microseconds(heldUntil.microseconds),
      .integer(Int64(limit)),
      .integer(Int64(maximumAgeSeconds)),
      .texts(leads.minutes.map(String.init))
    )
  }
}

extension ReminderStore.Recorded {
  fileprivate init(row: Row) throws {
    self.init(
      tasks: Int(try row.integer(0)),
      pending: Int(try row.integer(1)),
      skipped: Int(try row.integer(2))
    )
  }
}

extension ReminderStore.Handover {
  fileprivate init(row: Row) throws {
    var request = SendTaskReminderRequest()
    request.taskID = try row.text(0)
    request.userID = try row.text(1)
    request.title = try row.text(2)
    request.dueDate = Timestamp(try row.instant(3))
    request.leadMinutes = Int32(clamping: try row.integer(4))
    request.priority = TaskPriority(name: try row.text(5)) ?? .unspecified
    self.init(
      request: request,
      obstacle: try row.optionalText(6),
      isTaskChanged: try row.bool(7)
    )
  }
}
