import Endpoint
import Foundation
import PostgreSQL
import Stores
import Testing
import Values

/// Behaviour when the connection is lost, or the database is slow, unresponsive or unavailable.
struct ConnectionTests {
  let scratch: ScratchDatabase
  let database: Database
  /// Another session in the same database.
  let other: Database

  init() throws {
    scratch = try ScratchDatabase()
    database = try Postgres.database(.superuser, in: scratch)
    other = try Postgres.database(.superuser, in: scratch)
    try other.runScript("CREATE TABLE log (number bigint, note text); CREATE SEQUENCE tries")
  }

  /// Ends our backend as soon as it sleeps in a statement.
  func terminateWhileSleeping() throws -> Background<Void> {
    let backend = try database.backend()
    return Background { [scratch] in
      let other = try Postgres.database(.superuser, in: scratch)
      let sleeps = Query(
        "SELECT pid FROM pg_stat_activity WHERE pid = $1::integer AND wait_event = 'PgSleep'",
        .integer(backend)
      )
      while try other.read(sleeps, map: { _ in 0 }).isEmpty { usleep(1000) }
      _ = try other.write(Query("SELECT pg_terminate_backend($1::integer)", .integer(backend)))
    }
  }

  func count(_ table: SQL) throws -> Int64 {
    try other.read(Query("SELECT count(*) FROM \(table)")) { try $0.integer(0) }[0]
  }

  /// The number of times that a statement with `nextval('tries')` was begun, which a rollback does not undo.
  func tries() throws -> Int64 {
    try other.read(Query("SELECT last_value FROM tries WHERE is_called")) { try $0.integer(0) }
      .first ?? 0
  }

  // MARK: Lost connections

  @Test func `a connection that was lost while idle does not harm a read`() throws {
    for _ in 0..<5 {
      let before = try database.backend()
      try other.terminate(before)
      #expect(try database.backend() != before)
    }
  }

  @Test func `a connection that was lost while idle does not harm a write`() throws {
    for _ in 0..<5 {
      try other.terminate(database.backend())
      #expect(try database.write(Query("INSERT INTO log VALUES (1)")) == 1)
    }
    #expect(try count("log") == 5)
  }

  @Test func `a connection that was lost while idle does not harm a transaction`() throws {
    for _ in 0..<5 {
      try other.terminate(database.backend())
      _ = try database.transaction { try $0.run(Query("INSERT INTO log VALUES (1)")) }
    }
    #expect(try count("log") == 5)
  }

  @Test func `a read whose connection is lost under way is done once more`() throws {
    let killer = try terminateWhileSleeping()

    let rows = try database.read(Query("SELECT nextval('tries'), pg_sleep(0.3)")) {
      try $0.integer(0)
    }
    try killer.outcome().get()
    #expect(rows == [2])
  }

  @Test func `a write whose connection is lost under way fails and is not done again`() throws {
    let killer = try terminateWhileSleeping()

    let error = #expect(throws: DatabaseError.self) {
      try database.write(Query("INSERT INTO log SELECT nextval('tries'), pg_sleep(0.3)::text"))
    }
    try killer.outcome().get()
    #expect(isUnreachable(error))
    #expect(try count("log") == 0)
    #expect(try tries() == 1)
    #expect(try database.write(Query("INSERT INTO log VALUES (1)")) == 1)
  }

  @Test
  func `a transaction whose connection is lost under way leaves nothing and is not done again`()
    throws
  {
    let killer = try terminateWhileSleeping()

    var attempts = 0
    let error = #expect(throws: DatabaseError.self) {
      try database.transaction { transaction in
        attempts += 1
        try transaction.run(Query("INSERT INTO log VALUES (1)"))
        try transaction.run(Query("SELECT pg_sleep(0.3)"))
      }
    }
    try killer.outcome().get()
    #expect(isUnreachable(error))
    #expect(attempts == 1)
    #expect(try count("log") == 0)
    _ = try database.transaction { try $0.run(Query("INSERT INTO log VALUES (2)")) }
    #expect(try count("log") == 1)
  }

  @Test func `an unavailable database is unreachable, without its URL in the error`() throws {
    let nowhere = Database(url: "postgresql://me:secret@/x?host=/nowhere")

    let (error, seconds) = timed {
      #expect(throws: DatabaseError.self) {
        try nowhere.read(Query("SELECT 1")) { try $0.integer(0) }
      }
    }
    #expect(isUnreachable(error))
    #expect(error?.summary.contains("secret") == false)
    #expect(seconds < 1)
  }

  @Test func `an invalid URL is unreachable`() throws {
    let error = #expect(throws: DatabaseError.self) {
      try Database(url: "postgresql://me@[/x").write(Query("SELECT 1"))
    }

    #expect(isUnreachable(error))
  }

  // MARK: Slow databases

  @Test func `the deadline ends a statement, and the next one has a new connection`() throws {
    let before = try database.backend()
    let hurried = database.by(Deadline(millisecondsFromNow: 100))
    let (error, seconds) = timed {
      #expect(throws: DatabaseError.self) {
        try hurried.read(Query("SELECT 1 FROM pg_sleep(3)")) { try $0.integer(0) }
      }
    }

    #expect(isDeadlineExceeded(error))
    #expect((0.1...0.6).contains(seconds))
    #expect(try database.backend() != before)
  }

  @Test func `the deadline ends a transaction, and nothing of it stays`() throws {
    let error = #expect(throws: DatabaseError.self) {
      try database.by(Deadline(millisecondsFromNow: 200)).transaction { transaction in
        try transaction.run(Query("INSERT INTO log VALUES (1)"))
        try transaction.run(Query("SELECT pg_sleep(1)"))
      }
    }

    // The server has the same deadline; either may be first.
    #expect(error.map { Problem($0).code } == .deadlineExceeded)
    // Waits for the transaction's lock, if it is still open.
    _ = try database.transaction { try $0.run(Query("LOCK TABLE log")) }
    #expect(try count("log") == 0)
  }

  @Test func `a deadline that has passed ends a request before it begins`() throws {
    let error = #expect(throws: DatabaseError.self) {
      try database.by(Deadline(millisecondsFromNow: 0)).write(Query("INSERT INTO log VALUES (1)"))
    }
    #expect(isDeadlineExceeded(error))
    #expect(try count("log") == 0)
  }

  @Test func `the deadline ends a wait for a server that says nothing`() throws {
    let server = SilentServer()
    defer { withExtendedLifetime(server) {} }
    let silent = Database(url: server.url).by(Deadline(millisecondsFromNow: 150))

    let (error, seconds) = timed {
      #expect(throws: DatabaseError.self) {
        try silent.read(Query("SELECT 1")) { try $0.integer(0) }
      }
    }
    #expect(isDeadlineExceeded(error))
    #expect((0.15...0.6).contains(seconds))
  }

  @Test func `the server itself ends a statement that nobody waits for any longer`() throws {
    let impatient = try Postgres.database(
      .superuser,
      in: scratch,
      options: Database.Options(statementTimeoutMilliseconds: 200)
    ).by(Deadline(millisecondsFromNow: 3000))

    let error = #expect(throws: DatabaseError.self) {
      try impatient.read(Query("SELECT 1 FROM pg_sleep(2)")) { try $0.integer(0) }
    }
    #expect(error?.summary.hasPrefix("SQLSTATE 57014") == true)
  }

  // MARK: Large values

  @Test func `values and answers larger than a socket's buffer get through`() throws {
    let large = String(repeating: "0123456789", count: 500_000)

    let rows = try database.read(Query("SELECT $1::text || 'x', length($1)", .text(large))) {
      (try $0.text(0), try $0.integer(1))
    }
    #expect(rows.count == 1)
    #expect(rows.first?.0 == large + "x")
    #expect(rows.first?.1 == 5_000_000)
  }

  @Test func `the server knows who is connected`() throws {
    let named = try Postgres.database(
      .superuser,
      in: scratch,
      options: Database.Options(applicationName: "create-task")
    )

    #expect(
      try named.read(Query("SELECT current_setting('application_name')")) { try $0.text(0) } == [
        "create-task"
      ]
    )
  }

  func isUnreachable(_ error: DatabaseError?) -> Bool {
    if case .unreachable? = error { true } else { false }
  }

  func isDeadlineExceeded(_ error: DatabaseError?) -> Bool {
    if case .deadlineExceeded? = error { true } else { false }
  }
}
