import Glibc
public import PostgreSQL
import Values

/// Brings a database to the newest of its migrations, forward only.
///
/// A migration is a file `NNNN_what.sql`. Each is applied once, in order, in a transaction of its own
/// together with its row in `schema_migrations`, unless it is marked: then it runs outside a transaction, statement by
/// statement, and is run again from its beginning when it was cut off. An applied file must not change: its checksum is
/// kept and compared. An advisory lock of the session allows one migrator at a time.
public struct Migrator {
  /// The reason why nothing more was applied.
  public struct Failure: Error {
    /// One sentence.
    public let message: String
  }

  /// The longest times, in seconds.
  public struct Limits: Sendable {
    /// Until another migrator has ended, or a table can be locked.
    public var waiting = 3600
    /// For a migration in a transaction.
    public var transaction = 600
    /// For a statement outside a transaction: an index of a large table takes hours.
    public var statement = 43_200
    /// For a batch. It locks its rows for as long.
    public var batch = 60

    /// The usual ones.
    public init() {}
  }

  /// A migration file.
  public struct Migration: Equatable, Sendable {
    /// The number that its name begins with.
    public let number: Int
    /// The file's name.
    public let name: String
    /// The file's text.
    public let text: String

    /// Detects a change, not an attack. Source: FNV-1a, 64 bits.
    public var checksum: String {
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
      return String(hash, radix: 16)
    }
  }

  private let database: Database
  private let limits: Limits
  private let report: (String) -> Void

  /// A migrator that connects as the owner of the schema and reports what it applies.
  public init(
    database: Database,
    limits: Limits = Limits(),
    report: @escaping (String) -> Void = { _ in }
  ) {
    self.database = database
    self.limits = limits
    self.report = report
  }

  /// Applies the migrations of a folder that have not been applied yet.
  ///
  /// - Returns: the number of migrations applied.
  /// - Throws: `Failure`, `DatabaseError`.
  public func migrate(directory: String) throws -> Int {
    let migrations = try Self.read(directory: directory)
    let scripts = try migrations.map { migration in
      do { return try MigrationScript(migration.text) } catch let error as MigrationScript.Invalid {
        throw Failure(message: "\(migration.name), \(error.message)")
      }
    }
    return try database.by(seconds(limits.transaction)).session { session in
      try prepare(session)
      // Without it, a pooled connection would keep the lock.
      defer { try? session.runScript("SELECT pg_advisory_unlock_all()", by: seconds(10)) }
      var count = 0
      for (migration, script) in zip(migrations, scripts)
      where try !isApplied(migration, session) {
        if let steps = script.steps {
          for step in steps { try run(step, of: migration, session) }
          try session.transaction(by: seconds(limits.transaction)) { try record(migration, $0) }
        } else {
          try waitingShortly(migration) {
            try session.transaction(by: seconds(limits.transaction)) { transaction in
              try transaction.runScript(SQL(unsafeSQL: Self.shortLocks + migration.text))
              try record(migration, transaction)
            }
          }
        }
        report("applied \(migration.name)")
        count += 1
      }
      return count
    }
  }

  private func seconds(_ count: Int) -> Deadline { Deadline(millisecondsFromNow: count * 1000) }

  private static let lock = Statement("SELECT pg_try_advisory_lock(7318349394478881)")

  /// Takes the lock, which the session keeps until it ends. It is asked for again and again: a statement that waits for
  /// it would have a snapshot, for which another migrator's `CREATE INDEX CONCURRENTLY` would wait in turn.
  private func prepare(_ session: DatabaseSession) throws {
    // A server that notices that its client was killed ends what it was doing, and releases the lock. PostgreSQL 14
    // has introduced the setting.
    try session.runScript(
      """
      SELECT set_config(name, '1000', false) FROM pg_settings WHERE name = 'client_connection_check_interval';
      SET client_min_messages = warning
      """,
      by: seconds(10)
    )
    let end = seconds(limits.waiting)
    var isWaiting = false
    while try session.run(Query(Self.lock), by: seconds(10), map: { try $0.bool(0) }) != [true] {
      guard end.millisecondsLeft > 0 else {
        throw Failure(message: "another migrator has not ended within \(limits.waiting) seconds")
      }
      if !isWaiting { report("waiting for another migrator") }
      isWaiting = true
      usleep(200_000)
    }
    try session.runScript(
      """
      CREATE TABLE IF NOT EXISTS schema_migrations (
        number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now())
      """,
      by: seconds(limits.transaction)
    )
  }

  private static let find = Statement(
    "SELECT name, checksum FROM schema_migrations WHERE number = :number"
  )

  private static let insert = Statement(
    "INSERT INTO schema_migrations (number, name, checksum) VALUES (:number, :name, :checksum)"
  )

  private func isApplied(_ migration: Migration, _ session: DatabaseSession) throws -> Bool {
    let applied = try session.run(
      Query(Self.find, ["number": .integer(migration.number)]),
      by: seconds(limits.transaction)
    ) { (name: try $0.text(0), checksum: try $0.text(1)) }
    guard let applied = applied.first else { return false }
    guard applied.checksum == migration.checksum else {
      throw Failure(
        message:
          "\(migration.name) has changed since it was applied as \(applied.name): write a new migration instead"
      )
    }
    return true
  }

  private func record(_ migration: Migration, _ transaction: Transaction) throws {
    try transaction.run(
      Query(
        Self.insert,
        [
          "number": .integer(migration.number),
          "name": .text(migration.name),
          "checksum": .text(migration.checksum),
        ]
      )
    )
  }

  /// A lock on a whole table that is waited for makes everybody wait who comes later, so the wait is short.
  private static let shortLocks = "SET lock_timeout = 1000;\n"

  /// Repeats what could not lock a table, with pauses in which others get on.
  private func waitingShortly(_ migration: Migration, _ body: () throws -> Void) throws {
    let end = seconds(limits.waiting)
    while true {
      do { return try body() } catch DatabaseError.refused(let sqlState, _, _)
        where sqlState == "55P03" && end.millisecondsLeft > 0
      {
        report("\(migration.name): waiting for a table that is in use")
        sleep(2)
      }
    }
  }

  // MARK: Outside a transaction

  private func run(
    _ step: MigrationScript.Step,
    of migration: Migration,
    _ session: DatabaseSession
  ) throws {
    if step.isInBatches { return try runInBatches(step, of: migration, session) }
    if let index = step.index { try dropInvalid(index, session) }
    // The server gives up when we do. What is made concurrently may wait for others: nobody waits for it.
    let timeout = SQL(unsafeSQL: "SET statement_timeout = \(limits.statement * 1000)")
    let locks = SQL(unsafeSQL: step.isConcurrent ? "SET lock_timeout = 0" : Self.shortLocks)
    try waitingShortly(migration) {
      try session.runScript("\(timeout); \(locks)", by: seconds(10))
      try session.runScript(SQL(unsafeSQL: step.text), by: seconds(limits.statement))
    }
    if let index = step.index, try isInvalid(index, session) {
      throw Failure(
        message: "\(migration.name), line \(step.line): the index \(index) is not valid"
      )
    }
  }

  private static let invalid = Statement(
    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)"
  )

  private func isInvalid(_ index: String, _ session: DatabaseSession) throws -> Bool {
    try session.run(Query(Self.invalid, ["name": .text(index)]), by: seconds(10)) {
      try $0.bool(0)
    } == [true]
  }

  /// Removes what is left of an index whose creation was cut off: `IF NOT EXISTS` would leave it as it is.
  private func dropInvalid(_ index: String, _ session: DatabaseSession) throws {
    guard try isInvalid(index, session) else { return }
    report("creating \(index) again, which was cut off")
    try session.runScript(
      SQL(unsafeSQL: "DROP INDEX CONCURRENTLY IF EXISTS \(index)"),
      by: seconds(limits.statement)
    )
  }

  /// Runs a statement that handles the rows after a key and returns their number and the last key, until there are none.
  private func runInBatches(
    _ step: MigrationScript.Step,
    of migration: Migration,
    _ session: DatabaseSession
  ) throws {
    var estimate: Int64?
    if let query = step.estimate {
      estimate = try session.run(
        Query(Statement(SQL(unsafeSQL: query))),
        by: seconds(limits.statement)
      ) { try $0.integer(0) }.first
    }
    try session.runScript(
      SQL(unsafeSQL: "SET statement_timeout = \(limits.batch * 1000); SET lock_timeout = 0"),
      by: seconds(10)
    )
    let statement = Statement(SQL(unsafeSQL: step.text))
    let rows = estimate.map { " of about \($0)" } ?? ""
    var (after, done, batches) = ("", Int64(0), 0)
    var nextReport = seconds(1)
    while true {
      let batch = try Self.retrying {
        try session.run(Query(statement, ["after": .text(after)]), by: seconds(limits.batch)) {
          (count: try $0.integer(0), last: try $0.optionalText(1))
        }
      }
      guard let batch = batch.first else {
        throw Failure(
          message:
            "\(migration.name), line \(step.line): a batch must return its number of rows and its last key"
        )
      }
      guard let last = batch.last else { break }
      // Bytes, because the keys' own order is the database's; a batch that stays where it is would never end.
      guard last != after else {
        throw Failure(
          message: "\(migration.name), line \(step.line): a batch ended where it began, at \(last)"
        )
      }
      (after, done, batches) = (last, done + batch.count, batches + 1)
      if nextReport.millisecondsLeft == 0 {
        report("\(migration.name): \(done)\(rows) rows")
        nextReport = seconds(1)
      }
    }
    report("\(migration.name): \(done) rows in \(batches) batches")
  }

  /// Repeats a batch that the server ended in favour of somebody else's transaction.
  private static func retrying<T>(_ body: () throws -> T) throws -> T {
    for _ in 0..<5 {
      do { return try body() } catch DatabaseError.refused(let sqlState, _, _)
        where sqlState == "40001" || sqlState == "40P01"
      { continue }
    }
    return try body()
  }

  /// The migrations of a folder in order.
  ///
  /// - Throws: `Failure` when the folder cannot be read, is empty, or has a number twice or missing.
  public static func read(directory: String) throws -> [Migration] {
    guard let handle = opendir(directory) else {
      throw Failure(
        message: "cannot read the folder \(directory): \(String(cString: strerror(errno)))"
      )
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".sql") { names.append(name) }
    }
    let migrations = try names.sorted().map { name in
      guard let number = Int(name.prefix(4)), name.dropFirst(4).first == "_" else {
        throw Failure(message: "\(name) is not named like 0001_what.sql")
      }
      return Migration(number: number, name: name, text: try contents(of: directory + "/" + name))
    }
    guard !migrations.isEmpty else {
      throw Failure(message: "there is no migration in \(directory)")
    }
    for (index, migration) in migrations.enumerated() where migration.number != index + 1 {
      throw Failure(message: "\(migration.name): the next number should be \(index + 1)")
    }
    return migrations
  }

  private static func contents(of path: String) throws -> String {
    guard let file = fopen(path, "r") else {
      throw Failure(message: "cannot read \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes.append(contentsOf: buffer[..<count])
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(message: "\(path) is not valid UTF-8")
    }
    return text
  }
}
