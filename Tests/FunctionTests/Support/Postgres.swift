import Foundation
import Migrations
import Values

@testable import PostgreSQL

/// The PostgreSQL that the tests run on; `scripts/test function` starts it.
enum Postgres {
  /// A role with its database.
  enum Login: String {
    case user = "USER"
    case auth = "AUTH"
    case task = "TASK"
    case notification = "NOTIFICATION"
    case userOwner = "USER_OWNER"
    case taskOwner = "TASK_OWNER"
    case superuser = "SUPERUSER"
  }

  struct NotSetUp: Error, CustomStringConvertible {
    let description: String
  }

  /// The URL of a login, for its own database or for another one.
  static func url(_ login: Login, database: String? = nil) throws -> String {
    let name = "TEST_POSTGRES_URL_\(login.rawValue)"
    guard let url = ProcessInfo.processInfo.environment[name], !url.isEmpty else {
      throw NotSetUp(
        description:
          "\(name) is not set, and these tests need a real PostgreSQL: run scripts/test function"
      )
    }
    guard let database else { return url }
    // scheme://role@host/database?parameters
    let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4 else {
      throw NotSetUp(description: "\(name) is not a URI with a database")
    }
    let parameters = parts[3].firstIndex(of: "?").map { parts[3][$0...] } ?? ""
    return parts[..<3].joined(separator: "/") + "/\(database)\(parameters)"
  }

  static func database(
    _ login: Login,
    in scratch: ScratchDatabase? = nil,
    options: Database.Options = Database.Options()
  ) throws -> Database {
    Database(url: try url(login, database: scratch?.name), options: options)
  }
}

extension Deadline {
  /// Late enough for what a test does, and early enough to end a test that hangs.
  static var soon: Deadline { Deadline(millisecondsFromNow: 5000) }
}

/// Statements without an explicit deadline, as most tests run them.
extension Database {
  func read<T>(_ query: Query, map: (Row) throws -> T) throws -> [T] {
    try by(.soon).read(query, map: map)
  }

  func write<T>(_ query: Query, map: (Row) throws -> T) throws -> [T] {
    try by(.soon).write(query, map: map)
  }

  func write(_ query: Query) throws -> Int { try by(.soon).write(query) }

  func transaction<T>(_ body: (Transaction) throws -> T) throws -> T {
    try by(.soon).transaction(body)
  }

  func runScript(_ sql: SQL) throws { try by(.soon).runScript(sql) }

  /// The process that serves the connection.
  func backend() throws -> Int64 {
    try by(.soon).one(Query("SELECT pg_backend_pid()")) { try $0.integer(0) }
  }

  /// Ends a backend, and returns once its process is gone and its socket therefore closed.
  func terminate(_ backend: Int64) throws {
    _ = try write(Query("SELECT pg_terminate_backend($1::integer)", .integer(backend)))
    while kill(pid_t(backend), 0) == 0 || errno == EPERM { usleep(500) }
  }
}

extension Query {
  /// A statement that a test writes where it needs it, with `$1`, `$2` … for its values.
  init(_ sql: SQL, _ values: SQLValue...) {
    let names: [StaticString] = ["v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"]
    precondition(values.count <= names.count)
    let named = sql.text.replacing(/\$([1-9])\b/) { ":v\($0.1)" }
    self.init(Statement(SQL(unsafeSQL: named)), Array(zip(names, values)))
  }
}

/// A database of one test, which is removed with it.
final class ScratchDatabase: Sendable {
  let name: String

  // `migrations` is the folder under `Shared/Migrations` to apply; without one, the database is empty.
  init(migrations: String? = nil) throws {
    name = "test_" + UUID().uuidString.lowercased().filter { $0 != "-" }
    let postgres = try Postgres.database(.superuser)
    try postgres.by(Deadline(millisecondsFromNow: 20_000)).runScript(
      SQL(unsafeSQL: "CREATE DATABASE \(name) TEMPLATE template0")
    )
    if let migrations {
      _ = try Migrator(database: Postgres.database(.superuser, in: self))
        .migrate(directory: Repository.path("Shared/Migrations/\(migrations)"))
    }
  }

  deinit {
    guard let postgres = try? Postgres.database(.superuser) else { return }
    try? postgres.by(Deadline(millisecondsFromNow: 20_000)).runScript(
      SQL(unsafeSQL: "DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    )
  }
}

/// The checkout that the tests were built from.
enum Repository {
  static func path(_ path: String) -> String {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    return tests.deletingLastPathComponent().deletingLastPathComponent().path + "/" + path
  }
}

/// A server that accepts connections and never answers, like a PostgreSQL that has been stopped.
final class SilentServer {
  private let folder = TemporaryFolder()
  private let listener: Int32

  var url: String { "postgresql://nobody@/nothing?host=\(folder.path)" }

  init() {
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array("\(folder.path)/.s.PGSQL.5432".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    precondition(bound == 0 && listen(listener, 64) == 0, "cannot listen in \(folder.path)")
  }

  deinit { close(listener) }
}

/// A folder that is removed with its owner.
final class TemporaryFolder {
  let path = NSTemporaryDirectory() + "/function-tests-" + UUID().uuidString.prefix(13)

  init() {
    // swift-format-ignore: NeverUseForceTry
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
