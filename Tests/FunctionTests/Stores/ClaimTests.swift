import API
import Foundation
import PostgreSQL
import Stores
import Testing
import Validation
import Values

/// Claims of notifications, reminders and events, and their end.
struct ClaimTests {
  /// One of the queues, by the store that claims its rows.
  struct Queue: CustomTestStringConvertible, Sendable {
    let table: String
    let key: String
    let migrations: String
    let login: Postgres.Login
    /// Adds a row with the number `$1`, which is due at `$2`.
    let insert: SQL
    let claim: @Sendable (TimedDatabase, Instant) throws -> [Claim]
    let releaseOrphans: @Sendable (TimedDatabase, Instant) throws -> Int

    var testDescription: String { migrations }
  }

  /// A row that is claimed.
  struct Claim {
    let row: String
    let holder: Holder?
    let confirm: (TimedDatabase) throws -> Void
  }

  static let leaseSeconds: Int64 = 300

  static let queues: [Queue] = [
    Queue(
      table: "notifications",
      key: "id",
      migrations: "notification_db",
      login: .notification,
      insert: """
        INSERT INTO notifications (id, type, recipient, subject, body, created_at, next_attempt_at)
        VALUES ($1::text, 'EMAIL', 'ada@example.com', 'x', 'x', $2, $2)
        """,
      claim: { database, now in
        let end = now.adding(seconds: leaseSeconds)
        return try NotificationStore(database: database).claim(
          10,
          .email,
          at: now,
          leasedUntil: end
        )
        .map { one in
          Claim(row: one.id.text, holder: one.holder) {
            try NotificationStore(database: $0).confirm(one)
          }
        }
      },
      releaseOrphans: { try NotificationStore(database: $0).releaseOrphans(.email, at: $1) }
    ),
    Queue(
      table: "reminders",
      key: "task_id",
      migrations: "task_db",
      login: .task,
      insert: """
        WITH task AS (
          INSERT INTO tasks (id, title, user_id, due_date, created_at, updated_at)
          VALUES ($1::text, 'x', 'x', $2, $2, $2) RETURNING id, due_date)
        INSERT INTO reminders (task_id, due_date, lead_minutes, state, created_at, next_attempt_at)
        SELECT id, due_date, 60, 'PENDING', due_date, due_date FROM task
        """,
      claim: { database, now in
        let end = now.adding(seconds: leaseSeconds)
        return try ReminderStore(database: database)
          .claim(10, .usual, at: now, leasedUntil: end, maximumAgeSeconds: 60).map { one in
            Claim(row: one.request.taskID, holder: one.holder) {
              try ReminderStore(database: $0).confirm(one)
            }
          }
      },
      releaseOrphans: { try ReminderStore(database: $0).releaseOrphans(at: $1) }
    ),
    Queue(
      table: "events",
      key: "subject",
      migrations: "user_db",
      login: .user,
      insert: """
        INSERT INTO events (type, subject, created_at, next_attempt_at)
        VALUES ('USER_SAVED', $1::text, $2, $2)
        """,
      claim: { database, now in
        let end = now.adding(seconds: leaseSeconds)
        return try EventStore(database: database).claim(10, at: now, leasedUntil: end).map { one in
          Claim(row: one.subject.text, holder: one.holder) {
            try EventStore(database: $0).confirm(one)
          }
        }
      },
      releaseOrphans: { try EventStore(database: $0).releaseOrphans(at: $1) }
    ),
  ]

  /// A queue with some rows, and two hosts that claim from it.
  struct Stage {
    let queue: Queue
    let scratch: ScratchDatabase
    let first: Database
    let second: Database
    let now = Instant(seconds: 1_795_000_000)

    init(_ queue: Queue, rows: Int) throws {
      self.queue = queue
      scratch = try ScratchDatabase(migrations: queue.migrations)
      first = try Postgres.database(queue.login, in: scratch)
      second = try Postgres.database(queue.login, in: scratch)
      for row in 1...rows { try insert(row, dueAt: now) }
    }

    func insert(_ row: Int, dueAt: Instant) throws {
      _ = try second.write(Query(queue.insert, .integer(row), .instant(dueAt)))
    }

    func claim(by database: Database, at now: Instant? = nil) throws -> [Claim] {
      try queue.claim(database.by(.soon), now ?? self.now)
    }

    func releaseOrphans(at now: Instant? = nil) throws -> Int {
      try queue.releaseOrphans(second.by(.soon), now ?? self.now)
    }

    func end(_ database: Database) throws {
      try Postgres.database(.superuser).terminate(database.backend())
    }

    func change(_ sql: SQL) throws {
      try Postgres.database(.superuser, in: scratch).runScript(sql)
    }
  }

  @Test(arguments: queues)
  func `a claim ends with the connection of its holder, and not before`(queue: Queue) throws {
    let stage = try Stage(queue, rows: 3)
    let claimed = try stage.claim(by: stage.first)
    #expect(claimed.map(\.row).sorted() == ["1", "2", "3"])
    #expect(Set(claimed.map(\.holder?.number)).count == 1)
    try claimed[0].confirm(stage.first.by(.soon))
    #expect(try stage.releaseOrphans() == 0)
    #expect(try stage.claim(by: stage.second).isEmpty)

    try stage.end(stage.first)
    #expect(try stage.releaseOrphans() == 3)
    #expect(try stage.releaseOrphans() == 0)
    #expect(try stage.claim(by: stage.second).map(\.row).sorted() == ["1", "2", "3"])
    // Whoever has lost it knows, also after it has connected again.
    for claim in claimed {
      #expect(throws: DatabaseError.self) { try claim.confirm(stage.first.by(.soon)) }
    }
    #expect(try stage.claim(by: stage.first).isEmpty)
    #expect(try stage.releaseOrphans() == 0)
  }

  @Test(arguments: queues)
  func `the lease is the last resort while the holder is there`(queue: Queue) throws {
    let stage = try Stage(queue, rows: 1)
    #expect(try stage.claim(by: stage.first).count == 1)
    let later = stage.now.adding(seconds: Self.leaseSeconds)
    #expect(try stage.releaseOrphans(at: later.adding(seconds: -1)) == 0)
    #expect(try stage.claim(by: stage.second, at: later.adding(seconds: -1)).isEmpty)
    #expect(try stage.claim(by: stage.second, at: later).count == 1)
  }

  @Test(arguments: queues)
  func `what its holder left behind comes after everything that has been due for longer`(
    queue: Queue
  ) throws {
    let stage = try Stage(queue, rows: 1)
    #expect(try stage.claim(by: stage.first).map(\.row) == ["1"])
    try stage.end(stage.first)
    for row in 2...11 { try stage.insert(row, dueAt: stage.now.adding(seconds: 5)) }
    #expect(try stage.releaseOrphans(at: stage.now.adding(seconds: 10)) == 1)
    let later = stage.now.adding(seconds: 10)
    #expect(
      try Set(stage.claim(by: stage.second, at: later).map(\.row)) == Set((2...11).map(String.init))
    )
    #expect(try stage.claim(by: stage.second, at: later).map(\.row) == ["1"])
  }

  @Test(arguments: queues)
  func `a claim of a version that knows no holders, or of a pooled function, ends with its lease`(
    queue: Queue
  ) throws {
    let stage = try Stage(queue, rows: 2)
    #expect(try stage.claim(by: stage.first).count == 2)
    try stage.end(stage.first)
    // One is claimed again by such a version, beside the number of the holder of before; one has no number.
    let lease = stage.now.adding(seconds: Self.leaseSeconds + 1).rfc3339
    try stage.change(
      SQL(
        unsafeSQL: """
          UPDATE \(queue.table) SET next_attempt_at = '\(lease)',
            claimed_by = CASE WHEN \(queue.key) = '1' THEN claimed_by END,
            claimed_until = CASE WHEN \(queue.key) = '1' THEN claimed_until ELSE '\(lease)' END
          """
      )
    )
    #expect(try stage.releaseOrphans() == 0)
    #expect(try stage.claim(by: stage.second).isEmpty)
  }

  @Test(arguments: queues)
  func `the lock of the same number in another database is another one`(queue: Queue) throws {
    let stage = try Stage(queue, rows: 1)
    let holder = try #require(try stage.claim(by: stage.first)[0].holder)
    let elsewhere = try Postgres.database(.superuser)
    try elsewhere.runScript(SQL(unsafeSQL: "SELECT pg_advisory_lock(\(holder.number))"))
    try stage.end(stage.first)
    #expect(try stage.releaseOrphans() == 1)
    _ = try elsewhere.backend()
  }

  @Test func `nobody releases what only others could claim`() throws {
    let stage = try Stage(Self.queues[0], rows: 1)
    #expect(try stage.claim(by: stage.first).count == 1)
    try stage.end(stage.first)
    let store = NotificationStore(database: stage.second.by(.soon))
    #expect(try store.releaseOrphans(.push, at: stage.now) == 0)
    #expect(try store.releaseOrphans(.email, at: stage.now) == 1)
  }

  @Test(arguments: queues)
  func `many at once release and claim what was left, each row once`(queue: Queue) throws {
    let stage = try Stage(queue, rows: 60)
    var left: Set<String> = []
    while left.count < 60 { left.formUnion(try stage.claim(by: stage.first).map(\.row)) }
    try stage.end(stage.first)
    let (name, login, now) = (stage.scratch.name, queue.login, stage.now)
    // Their connections stay open until all have ended.
    struct Share: @unchecked Sendable {
      let database: Database
      let rows: [String]
    }
    let shares = try onThreads(6) { _ in
      let database = try Database(url: Postgres.url(login, database: name))
      var mine: [String] = []
      for _ in 0..<20 {
        _ = try queue.releaseOrphans(database.by(.soon), now)
        mine += try queue.claim(database.by(.soon), now).map(\.row)
      }
      return Share(database: database, rows: mine)
    }.map { try $0.get() }
    var claimed = shares.flatMap(\.rows)
    #expect(Set(claimed).count == claimed.count)
    // On a busy machine, the last of them may have released some that all the others no longer asked for.
    for _ in 0..<20 {
      _ = try queue.releaseOrphans(stage.second.by(.soon), now)
      claimed += try queue.claim(stage.second.by(.soon), now).map(\.row)
    }
    #expect(claimed.count == 60 && Set(claimed) == left)
  }
}
