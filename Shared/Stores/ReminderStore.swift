public import API
public import PostgreSQL
public import Validation
public import Values

/// The reminders of tasks, in `task_db`: each (task, due date, lead time) is recorded once and for all.
public struct ReminderStore {
  /// The numbers of tasks and reminders that a step has recorded.
  public struct Recorded: Equatable, Sendable {
    /// Tasks that were checked.
    public var tasks = 0
    /// Reminders that are to be sent.
    public var pending = 0
    /// Reminders that are skipped, each with its reason.
    public var skipped = 0
  }

  /// A claimed reminder, to be handed over or skipped now.
  public struct Handover: Equatable, Sendable {
    /// The request to the Notification service.
    public let request: SendTaskReminderRequest
    /// The reason why it must not be sent any more; `nil` when it must be sent.
    public let obstacle: String?
    /// Whether the reason is that the task has changed.
    let isTaskChanged: Bool
    /// The end of the lease.
    let leasedUntil: Instant
    /// The connection with which the claim ends; `nil` if it ends with its lease only.
    public let holder: Holder?
  }

  /// The outcome of a claimed reminder.
  public enum Outcome: Equatable, Sendable {
    case handedOver
    case skipped(reason: String)
    case postponed(reason: String, until: Instant)

    fileprivate var isSkipped: Bool { if case .skipped = self { true } else { false } }
  }

  private let database: TimedDatabase

  /// The reminders of a database.
  public init(database: TimedDatabase) { self.database = database }

  /// Records the due reminders of up to `limit` tasks: of those that are due for a task, the latest is to be sent, and
  /// the others are skipped; so is one that is more than `maximumAgeSeconds` late.
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

  private static let releaseOrphans = Claims.release(
    in: "reminders",
    "task_id, due_date, lead_minutes",
    same: "t.task_id = o.task_id AND t.due_date = o.due_date AND t.lead_minutes = o.lead_minutes"
  )

  /// Releases reminders whose claims have ended with their holders.
  ///
  /// - Returns: the number of reminders released.
  /// - Throws: `DatabaseError`.
  @discardableResult
  public func releaseOrphans(at now: Instant) throws -> Int {
    try database.write(Query(Self.releaseOrphans, ["now": .instant(now)]))
  }

  /// Makes sure that a reminder is still claimed.
  ///
  /// - Throws: `DatabaseError`, also when the claim has ended with its holder.
  public func confirm(_ handover: Handover) throws { try database.confirm(handover.holder) }

  /// Claims up to `limit` reminders that are to be sent, the longest waiting first, with a lease until `leasedUntil`.
  ///
  /// - Throws: `DatabaseError`, also when the connection leads through a pooler.
  public func claim(
    _ limit: Int,
    _ leads: LeadTimes,
    at now: Instant,
    leasedUntil: Instant,
    maximumAgeSeconds: Int
  ) throws -> [Handover] {
    try database.claim(
      Self.claim,
      Self.claimArguments(limit, leads, now, leasedUntil, maximumAgeSeconds),
      needsHolder: true,
      map: Handover.init
    )
  }

  private static let recordOutcomes = Statement(
    """
    UPDATE reminders r SET state = o.state::reminder_state, reason = nullif(left(o.reason, 200), ''),
      next_attempt_at = nullif(o.next, '')::timestamptz, was_task_changed = o.was_task_changed,
      settled_at = CASE WHEN o.state <> 'PENDING' THEN :now::timestamptz END
    FROM unnest(:task_ids::varchar[], :due_dates::timestamptz[], :lead_minutes::integer[], :states::text[],
        :reasons::text[], :next::text[], :were_tasks_changed::boolean[], :leased_until::timestamptz[])
      AS o(task_id, due_date, lead_minutes, state, reason, next, was_task_changed, leased_until)
    WHERE r.task_id = o.task_id AND r.due_date = o.due_date AND r.lead_minutes = o.lead_minutes
      AND r.state = 'PENDING' AND (r.next_attempt_at = o.leased_until OR o.state = 'HANDED_OVER')
    """
  )

  /// Records the outcomes of claimed reminders. One that was handed over is so even if its claim has ended; other outcomes
  /// are left to whoever claims it next.
  ///
  /// - Throws: `DatabaseError`.
  public func record(_ outcomes: [(Handover, Outcome)], at now: Instant) throws {
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
      Self.recordOutcomes,
      [
        "now": .instant(now),
        "task_ids": .texts(outcomes.map(\.0.request.taskID)),
        "due_dates": .instants(outcomes.map(\.0.request.dueDate.instant)),
        "lead_minutes": .integers(outcomes.map { Int($0.0.request.leadMinutes) }),
        "states": .texts(states),
        "reasons": .texts(reasons),
        "next": .texts(next),
        "were_tasks_changed": .bools(outcomes.map { $0.0.isTaskChanged && $0.1.isSkipped }),
        "leased_until": .instants(outcomes.map(\.0.leasedUntil)),
      ]
    )
    _ = try database.write(query)
  }

  /// Finds up to `limit` reminders that would be sent now, without changing anything.
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
        try transaction.run(Query(Self.releaseOrphans, ["now": .instant(now)]))
        _ = try transaction.run(Self.recordQuery(leads, now, maximumAgeSeconds, limit)) { _ in }
        let end = now.adding(seconds: 1)
        let arguments = Self.claimArguments(limit, leads, now, end, maximumAgeSeconds)
        let query = Query(Self.claim, arguments.adding("holder", .null))
        throw Undo(found: try transaction.run(query) { try Handover($0, nil) })
      }
      return []
    } catch let undo as Undo {
      return undo.found
    }
  }

  private static let purge = Statement(
    """
    DELETE FROM reminders r USING (
      SELECT task_id, due_date, lead_minutes FROM reminders
      WHERE due_date < :before AND settled_at IS NOT NULL
      ORDER BY due_date LIMIT :limit FOR UPDATE SKIP LOCKED) old
    WHERE r.task_id = old.task_id AND r.due_date = old.due_date AND r.lead_minutes = old.lead_minutes
    """
  )

  /// Removes up to `limit` completed reminders of due dates before an instant. No task gets a new reminder of a due
  /// date that has passed.
  ///
  /// - Returns: the number of reminders removed.
  /// - Throws: `DatabaseError`.
  public func purge(dueBefore instant: Instant, limit: Int) throws -> Int {
    try database.write(
      Query(Self.purge, ["before": .instant(instant), "limit": .integer(limit)])
    )
  }

  private static let record = Statement(
    """
    WITH due AS MATERIALIZED (
      SELECT id, due_date, coalesce(reminders, :leads::integer[]) AS leads,
        status IN ('PENDING', 'IN_PROGRESS') AS is_open
      FROM tasks WHERE next_reminder_at <= :now
      ORDER BY next_reminder_at LIMIT :limit FOR UPDATE SKIP LOCKED),
    times AS (
      SELECT id, due_date, lead, due_date - lead * interval '1 minute' AS at
      FROM due, unnest(leads) AS lead WHERE is_open),
    moved AS (
      UPDATE tasks SET next_reminder_at = next.at
      FROM due LEFT JOIN (SELECT id, min(at) AS at FROM times WHERE at > :now GROUP BY id) next USING (id)
      WHERE tasks.id = due.id RETURNING 1),
    come AS (
      SELECT id, due_date, lead, lead > min(lead) OVER (PARTITION BY id) AS is_superseded,
        at < :now::timestamptz - :maximum_age * interval '1 second' AS is_stale
      FROM times WHERE at <= :now),
    recorded AS (
      INSERT INTO reminders
        (task_id, due_date, lead_minutes, state, reason, created_at, settled_at, next_attempt_at)
      SELECT id, due_date, lead,
        CASE WHEN is_superseded OR is_stale THEN 'SKIPPED' ELSE 'PENDING' END::reminder_state,
        CASE WHEN is_superseded THEN 'a later reminder of the task was due as well'
             WHEN is_stale THEN 'too late' END,
        :now, CASE WHEN is_superseded OR is_stale THEN :now::timestamptz END,
        CASE WHEN NOT (is_superseded OR is_stale) THEN :now::timestamptz END
      FROM come
      -- A reminder that was skipped because the task changed may return with the task; all others are final.
      ON CONFLICT (task_id, due_date, lead_minutes) DO UPDATE SET
        state = excluded.state, reason = excluded.reason, settled_at = excluded.settled_at,
        next_attempt_at = excluded.next_attempt_at
      WHERE reminders.state = 'SKIPPED' AND reminders.was_task_changed
      RETURNING state)
    SELECT (SELECT count(*) FROM moved),
      count(*) FILTER (WHERE state = 'PENDING'), count(*) FILTER (WHERE state = 'SKIPPED') FROM recorded
    """
  )

  private static func recordQuery(
    _ leads: LeadTimes,
    _ now: Instant,
    _ maximumAgeSeconds: Int,
    _ limit: Int
  ) -> Query {
    Query(
      record,
      [
        "leads": .integers(leads.minutes),
        "now": .instant(now),
        "limit": .integer(limit),
        "maximum_age": .integer(maximumAgeSeconds),
      ]
    )
  }

  private static let claim = Statement(
    """
    WITH due AS MATERIALIZED (
      SELECT task_id, due_date, lead_minutes FROM reminders WHERE next_attempt_at <= :now
      ORDER BY next_attempt_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE reminders r SET attempts = attempts + 1, \(Claims.assignment)
    FROM due JOIN tasks t ON t.id = due.task_id
    WHERE r.task_id = due.task_id AND r.due_date = due.due_date AND r.lead_minutes = due.lead_minutes
    RETURNING r.task_id, t.user_id, t.title, r.due_date, r.lead_minutes, t.priority,
      CASE WHEN t.status NOT IN ('PENDING', 'IN_PROGRESS') THEN 'the task is done or cancelled'
           WHEN t.due_date IS DISTINCT FROM r.due_date THEN 'the due date was changed'
           WHEN r.lead_minutes <> ALL (coalesce(t.reminders, :leads::integer[])) THEN 'the reminders were changed'
           WHEN r.due_date - r.lead_minutes * interval '1 minute' < :now::timestamptz - :maximum_age * interval '1 second'
             THEN 'too late' END,
      t.status NOT IN ('PENDING', 'IN_PROGRESS') OR t.due_date IS DISTINCT FROM r.due_date
        OR r.lead_minutes <> ALL (coalesce(t.reminders, :leads::integer[])),
      r.next_attempt_at
    """
  )

  private static func claimArguments(
    _ limit: Int,
    _ leads: LeadTimes,
    _ now: Instant,
    _ leasedUntil: Instant,
    _ maximumAgeSeconds: Int
  ) -> Query.Arguments {
    [
      "now": .instant(now),
      "limit": .integer(limit),
      "leased_until": .instant(leasedUntil),
      "leads": .integers(leads.minutes),
      "maximum_age": .integer(maximumAgeSeconds),
    ]
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
  fileprivate init(_ row: Row, _ holder: Holder?) throws {
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
      isTaskChanged: try row.bool(7),
      leasedUntil: try row.instant(8),
      holder: holder
    )
  }
}
