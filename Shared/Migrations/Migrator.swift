import Glibc
public import PostgreSQL
import Values

/// Brings a database to the newest of its migrations, forward only.
///
/// A migration is a file `NNNN_what.sql`. Each is applied once, in order, in a transaction of its own
/// together with its row in `schema_migrations`. An applied file must not change: its checksum is kept
/// and compared. An advisory lock allows one migrator at a time.
public struct Migrator {
  /// The reason why nothing more was applied.
  public struct Failure: Error {
    /// One sentence.
    public let message: String
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
  private let report: (String) -> Void

  /// A migrator that connects as the owner of the schema and reports what it applies.
  public init(database: Database, report: @escaping (String) -> Void = { _ in }) {
    self.database = database
    self.report = report
  }

  /// Applies the migrations of a folder that have not been applied yet.
  ///
  /// - Returns: the number of migrations applied.
  /// - Throws: `Failure`, `DatabaseError`.
  public func migrate(directory: String) throws -> Int {
    let migrations = try Self.read(directory: directory)
    let database = database.by(Deadline(millisecondsFromNow: 600_000))
    try database.runScript(
      """
      SET client_min_messages = warning;
      SELECT pg_advisory_xact_lock(7318349394478881);
      CREATE TABLE IF NOT EXISTS schema_migrations (
        number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now())
      """
    )
    var count = 0
    for migration in migrations where try apply(migration, to: database) { count += 1 }
    return count
  }

  private static let find = Statement(
    "SELECT name, checksum FROM schema_migrations WHERE number = :number"
  )

  private static let insert = Statement(
    "INSERT INTO schema_migrations (number, name, checksum) VALUES (:number, :name, :checksum)"
  )

  private func apply(_ migration: Migration, to database: TimedDatabase) throws -> Bool {
    try database.transaction { transaction in
      // Another migrator waits here until this transaction ends, and then sees its changes.
      try transaction.runScript("SELECT pg_advisory_xact_lock(7318349394478881)")
      let applied = try transaction.run(
        Query(Self.find, ["number": .integer(migration.number)])
      ) { (name: try $0.text(0), checksum: try $0.text(1)) }
      if let applied = applied.first {
        guard applied.checksum == migration.checksum else {
          throw Failure(
            message:
              "\(migration.name) has changed since it was applied as \(applied.name): write a new migration instead"
          )
        }
        return false
      }
      try transaction.runScript(SQL(unsafeSQL: migration.text))
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
      report("applied \(migration.name)")
      return true
    }
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
