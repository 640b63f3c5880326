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

  // MARK: Outside a transaction

  static let outside = "-- migrate: outside a transaction\n"

  @Test func `a marked migration runs statement by statement, whatever stands in them`() throws {
    try write(
      "0001_first.sql",
      Self.outside + """
        -- A comment; not a statement.
        CREATE TABLE IF NOT EXISTS "t;" (a text DEFAULT 'x;''y');
        /* Another; /* nested; */ one. */
        CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS $body$
        BEGIN -- migrate: this is text
          PERFORM $$;$$; RETURN 1; END $body$;;
        VACUUM "t;";
        CREATE INDEX CONCURRENTLY IF NOT EXISTS t_by_a ON "t;" (a)
        """
    )

    #expect(try migrate() == 1)
    #expect(try state() == (["t;"], [1]))
    #expect(try indexes() == ["t_by_a": true])
    #expect(try migrate() == 0)
  }

  /// The indexes that are not primary keys, and whether each is valid.
  func indexes() throws -> [String: Bool] { try Self.indexes(database) }

  static func indexes(_ database: Database) throws -> [String: Bool] {
    let rows = try database.read(
      Query(
        """
        SELECT relname::text, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' AND NOT indisprimary
        """
      )
    ) { (try $0.text(0), try $0.bool(1)) }
    return Dictionary(uniqueKeysWithValues: rows)
  }

  @Test func `a marked migration that fails keeps what ran and begins again`() throws {
    try write(
      "0001_first.sql",
      Self.outside + """
        CREATE TABLE IF NOT EXISTS one (a integer);
        INSERT INTO one VALUES (1), (1);
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_by_a ON one (a);
        """
    )

    #expect(throws: DatabaseError.self) { try migrate() }
    #expect(try state() == (["one"], []))
    #expect(try indexes() == ["one_by_a": false])

    // Whoever has mended the data runs it again.
    try write(
      "0001_first.sql",
      Self.outside + """
        CREATE TABLE IF NOT EXISTS one (a integer);
        DELETE FROM one;
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_by_a ON one (a);
        """
    )
    var reported: [String] = []
    _ = try Migrator(database: database) { reported.append($0) }.migrate(directory: folder.path)
    #expect(reported == ["creating one_by_a again, which was cut off", "applied 0001_first.sql"])
    #expect(try state() == (["one"], [1]))
    #expect(try indexes() == ["one_by_a": true])
  }

  @Test func `an index whose creation is cut off is created again, and a second migrator waits`()
    throws
  {
    try database.runScript("CREATE TABLE one AS SELECT generate_series(1, 1000) AS a")
    // A transaction that is older than the index and keeps it from becoming valid.
    nonisolated(unsafe) let holder = try Postgres.database(.superuser, in: scratch)
    try holder.runScript("BEGIN; UPDATE one SET a = a WHERE a = 1")
    try write(
      "0001_first.sql",
      Self.outside + "CREATE INDEX CONCURRENTLY IF NOT EXISTS one_by_a ON one (a);"
    )
    let (scratch, path) = (scratch, folder.path)
    let outcomes = onThreads(3) { number in
      guard number > 0 else {
        // The first is cut off while it waits for the holder; the two others then do its work.
        let control = try Postgres.database(.superuser, in: scratch)
        let cut: SQL = """
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'
          """
        while try control.read(Query(cut), map: { try $0.bool(0) }).isEmpty { usleep(10_000) }
        #expect(try Self.indexes(control) == ["one_by_a": false])
        try holder.runScript("COMMIT")
        return 0
      }
      return try Migrator(database: Postgres.database(.superuser, in: scratch))
        .migrate(directory: path)
    }

    #expect(outcomes.filter { (try? $0.get()) == nil }.count == 1)
    #expect(outcomes.compactMap { try? $0.get() }.reduce(0, +) == 1)
    #expect(try indexes() == ["one_by_a": true])
    #expect(try state() == (["one"], [1]))
  }

  @Test func `a migrator does not wait for another one for ever`() throws {
    try write("0001_first.sql", "CREATE TABLE one ()")
    let holder = try Postgres.database(.superuser, in: scratch)
    try holder.runScript("SELECT pg_advisory_lock(7318349394478881)")
    var limits = Migrator.Limits()
    limits.waiting = 1

    let message = try failure {
      try Migrator(database: database, limits: limits).migrate(directory: folder.path)
    }
    #expect(message == "another migrator has not ended within 1 seconds")
    #expect(try state() == ([], []))

    try holder.runScript("SELECT pg_advisory_unlock(7318349394478881)")
    #expect(try migrate() == 1)
    // The lock does not outlive the run, although the connection does.
    #expect(
      try holder.read(Query("SELECT pg_try_advisory_lock(7318349394478881)")) { try $0.bool(0) }
        == [true]
    )
  }

  @Test(arguments: ["", outside])
  func `a table that is in use is waited for without making others wait`(mark: String) throws {
    try database.runScript("CREATE TABLE one (a integer)")
    let holder = try Postgres.database(.superuser, in: scratch)
    try holder.runScript("BEGIN; INSERT INTO one VALUES (1)")
    try write("0001_first.sql", mark + "ALTER TABLE one ADD COLUMN IF NOT EXISTS b integer;")
    var reported: [String] = []

    let migrator = Migrator(database: database) {
      reported.append($0)
      // While the migrator waits, the table is not locked.
      if reported.count == 1 { try? holder.runScript("INSERT INTO one VALUES (2); COMMIT") }
    }
    #expect(try migrator.migrate(directory: folder.path) == 1)
    #expect(
      reported == ["0001_first.sql: waiting for a table that is in use", "applied 0001_first.sql"]
    )
    #expect(try count("b IS NULL") == 2)
  }

  // MARK: Batches

  static let batches = """
    CREATE TABLE IF NOT EXISTS one (id text PRIMARY KEY, a integer);
    INSERT INTO one SELECT lpad(n::text, 6, '0') FROM generate_series(1, 10000) n ON CONFLICT DO NOTHING;
    -- migrate: in batches, rows: SELECT count(*) FROM one
    WITH batch AS (SELECT id FROM one WHERE id > :after AND a IS NULL ORDER BY id LIMIT 300 FOR UPDATE),
    done AS (UPDATE one SET a = length(one.id) FROM batch WHERE one.id = batch.id)
    SELECT count(*), max(id) FROM batch;
    """

  @Test func `a statement in batches handles every row once, and reports`() throws {
    try write("0001_first.sql", Self.outside + Self.batches)
    var reported: [String] = []

    _ = try Migrator(database: database) { reported.append($0) }.migrate(directory: folder.path)
    #expect(
      reported.suffix(2) == [
        "0001_first.sql: 10000 rows in 34 batches", "applied 0001_first.sql",
      ]
    )
    #expect(try count("a = 6") == 10000)
  }

  func count(_ condition: SQL) throws -> Int64 {
    try database.by(.soon).one(Query("SELECT count(*) FROM one WHERE \(condition)")) {
      try $0.integer(0)
    }
  }

  @Test func `batches that are cut off keep what they did, and the next run does the rest`() throws
  {
    let limit = """
      CREATE OR REPLACE FUNCTION limited() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF new.id > '005000' AND to_regclass('allowed') IS NULL THEN RAISE 'too far'; END IF;
        RETURN new;
      END $$;
      CREATE OR REPLACE TRIGGER limited BEFORE UPDATE ON one FOR EACH ROW EXECUTE FUNCTION limited();
      """
    let parts = Self.batches.split(separator: "-- migrate", maxSplits: 1)
    try write("0001_first.sql", Self.outside + parts[0] + limit + "\n-- migrate" + parts[1])

    #expect(throws: DatabaseError.self) { try migrate() }
    #expect(try count("a IS NOT NULL") == 4800)
    try database.runScript("CREATE TABLE allowed ()")
    var reported: [String] = []
    _ = try Migrator(database: database) { reported.append($0) }.migrate(directory: folder.path)
    #expect(reported.first == "0001_first.sql: 5200 rows in 18 batches")
    #expect(try count("a IS NULL") == 0)
  }

  @Test func `batches that would never end are refused`() throws {
    try write(
      "0001_first.sql",
      Self.outside + "-- migrate: in batches\nSELECT 1, 'x' WHERE :after::text IS NOT NULL;"
    )

    #expect(
      try failure(migrate) == "0001_first.sql, line 3: a batch ended where it began, at x"
    )
  }

  @Test(arguments: [
    ("-- migrate: outside of a transaction\nSELECT 1;", 1, "is not known"),
    ("--MIGRATE:without\nSELECT 1;", 1, "is not known"),
    ("SELECT 1;\n  -- migrate: outside a transaction\n", 2, "must be the first line of the file"),
    ("-- migrate: in batches\nSELECT 1;", 1, "needs the first line"),
    (outside + "-- migrate: in batches, of 5\nSELECT :after;", 2, "is not known"),
    (outside + "SELECT 1;\n-- migrate: in batches", 3, "has no statement behind it"),
    (
      outside + "-- migrate: in batches\n-- migrate: in batches\nSELECT :after;", 3,
      "follows another one"
    ),
    (outside + "-- migrate: in batches\n\nUPDATE one SET a = 1;", 4, "must continue after the key"),
    (outside + "CREATE INDEX CONCURRENTLY i ON one (a);", 2, "IF NOT EXISTS and a name"),
    (outside + "CREATE UNIQUE INDEX\n concurrently ON one (a);", 2, "IF NOT EXISTS and a name"),
  ])
  func `a mark or a statement that is wrong is named, and nothing is applied`(
    text: String,
    line: Int,
    reason: String
  ) throws {
    try write("0001_first.sql", "CREATE TABLE one (a integer)")
    try write("0002_second.sql", text)

    let message = try failure(migrate) ?? ""
    #expect(message.hasPrefix("0002_second.sql, line \(line): "), "\(message)")
    #expect(message.contains(reason), "\(message)")
    #expect(try state() == ([], []))
  }

  // MARK: The system's own

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
