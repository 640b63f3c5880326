import Foundation
import Migrations
import PostgreSQL
import Testing

struct MigratorTests {
  let scratch: ScratchDatabase
  let database: Database
  let folder = TemporaryFolder()

  init() throws {
    scratch = try ScratchDatabase()
    database = try Postgres.database(.superuser, in: scratch)
  }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/\(name)"))
  }

  func migrate() throws -> Int { try Migrator(database: database).migrate(directory: folder.path) }

  /// The tables, and the numbers of the recorded migrations.
  func state() throws -> (tables: [String], applied: [Int64]) {
    let tables = try database.read(
      Query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    ) { try $0.text(0) }
    guard tables.contains("schema_migrations") else { return (tables, []) }
    let applied = try database.read(Query("SELECT number FROM schema_migrations ORDER BY 1")) {
      try $0.integer(0)
    }
    return (tables.filter { $0 != "schema_migrations" }, applied)
  }

  func failure(_ body: () throws -> Int) throws -> String? {
    do {
      _ = try body()
      return nil
    } catch let failure as Migrator.Failure {
      return failure.message
    }
  }

  @Test func `an empty database gets everything in order, and the second time nothing`() throws {
    try write("0001_first.sql", "CREATE TABLE one (a integer); INSERT INTO one VALUES (1);")
    try write("0002_second.sql", "-- A comment.\nCREATE TABLE two AS SELECT a + 1 AS a FROM one;")
    try write("README.md", "Not a migration.")
    var reported: [String] = []
    let migrator = Migrator(database: database) { reported.append($0) }

    #expect(try migrator.migrate(directory: folder.path) == 2)
    #expect(reported == ["applied 0001_first.sql", "applied 0002_second.sql"])
    #expect(try state() == (["one", "two"], [1, 2]))
    #expect(try migrator.migrate(directory: folder.path) == 0)
    #expect(reported.count == 2)
  }

  @Test func `only what is new is applied`() throws {
    try write("0001_first.sql", "CREATE TABLE one (a integer)")
    #expect(try migrate() == 1)
    try write("0002_second.sql", "ALTER TABLE one ADD COLUMN b integer")
    try write("0003_third.sql", "ALTER TABLE one ADD COLUMN c integer")

    #expect(try migrate() == 2)
    #expect(try state() == (["one"], [1, 2, 3]))
  }

  @Test func `a file that changed after it was applied stops everything`() throws {
    try write("0001_first.sql", "CREATE TABLE one (a integer)")
    #expect(try migrate() == 1)
    try write("0001_first.sql", "CREATE TABLE one (a bigint)")
    try write("0002_second.sql", "CREATE TABLE two (a integer)")

    let message = try failure(migrate)
    #expect(message?.contains("0001_first.sql has changed") == true)
    #expect(try state() == (["one"], [1]))
  }

  @Test func `a migration that fails leaves nothing of itself and keeps those before it`() throws {
    try write("0001_first.sql", "CREATE TABLE one (a integer)")
    try write(
      "0002_bad.sql",
      "CREATE TABLE two (a integer); INSERT INTO two VALUES ('text'); CREATE TABLE three ();"
    )

    #expect(throws: DatabaseError.self) { try migrate() }
    #expect(try state() == (["one"], [1]))

    try write("0002_bad.sql", "CREATE TABLE two (a integer)")
    #expect(try migrate() == 1)
    #expect(try state() == (["one", "two"], [1, 2]))
  }

  @Test func `many migrators at once apply each migration once`() throws {
    for number in 1...4 {
      try write(
        "000\(number)_step.sql",
        "CREATE TABLE t\(number) (a integer); SELECT pg_sleep(0.02)"
      )
    }
    let (scratch, path) = (scratch, folder.path)
    let outcomes = onThreads(6) { _ in
      try Migrator(database: Postgres.database(.superuser, in: scratch)).migrate(directory: path)
    }

    #expect(try outcomes.map { try $0.get() }.reduce(0, +) == 4)
    #expect(try state() == (["t1", "t2", "t3", "t4"], [1, 2, 3, 4]))
  }

  @Test(arguments: [
    (["0001_a.sql", "0003_c.sql"], "0003_c.sql: the next number should be 2"),
    (["0001_a.sql", "0001_b.sql"], "0001_b.sql: the next number should be 2"),
    (["0002_b.sql"], "0002_b.sql: the next number should be 1"),
    (["1_a.sql"], "1_a.sql is not named like 0001_what.sql"),
    (["first.sql"], "first.sql is not named like 0001_what.sql"),
    ([], "there is no migration in"),
  ])
  func `a folder whose order is not clear is refused before anything is applied`(
    names: [String],
    reason: String
  ) throws {
    for name in names { try write(name, "CREATE TABLE t ()") }

    #expect(try failure(migrate)?.hasPrefix(reason) == true)
    #expect(try state() == ([], []))
  }

  @Test func `a folder that does not exist is refused`() throws {
    let message = try failure { try Migrator(database: database).migrate(directory: "/nowhere") }

    #expect(message?.hasPrefix("cannot read the folder /nowhere") == true)
  }

  @Test(arguments: ["user_db", "task_db"])
  func `the system's own migrations work, and the services own nothing`(name: String) throws {
    let path = Repository.path("Shared/Migrations/\(name)")

    #expect(try Migrator(database: database).migrate(directory: path) > 0)
    #expect(try Migrator(database: database).migrate(directory: path) == 0)
    let owners = try database.read(
      Query("SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'public'")
    ) { try $0.text(0) }
    #expect(owners == ["postgres"])
  }
}
