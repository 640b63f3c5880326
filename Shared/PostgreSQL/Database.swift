public import Values

/// A database as one function sees it: one connection of its own, opened when it is first needed and
/// reopened after a loss.
///
/// Every statement has a deadline, set with `by(_:)`; there is no other way to run one.
public final class Database {
  /// The ways of using the database.
  public struct Options: Sendable {
    /// Shown in `pg_stat_activity`.
    public var applicationName: String
    /// The time after which the server itself cancels a statement, in milliseconds.
    public var statementTimeoutMilliseconds: Int
    /// Whether statements are prepared once per connection. Off behind a pooler that hands a connection to
    /// somebody else after each transaction and does not know prepared statements (PgBouncer before 1.21).
    public var preparesStatements: Bool

    /// Options.
    public init(
      applicationName: String = "",
      statementTimeoutMilliseconds: Int = 5000,
      preparesStatements: Bool = true
    ) {
      self.applicationName = applicationName
      self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
      self.preparesStatements = preparesStatements
    }
  }

  private let url: String
  private let options: Options
  private var connection: Connection?

  /// A database by its libpq connection string or URI. Nothing is opened yet.
  public init(url: String, options: Options = Options()) {
    self.url = url
    self.options = options
  }

  /// The database for statements that end by a deadline.
  public func by(_ deadline: Deadline) -> TimedDatabase {
    TimedDatabase(database: self, deadline: deadline)
  }

  fileprivate func attempt<T>(by deadline: Deadline, _ body: (Transaction) throws -> T) throws -> T
  {
    try withConnection(by: deadline) { connection in
      try connection.transaction(deadline: deadline, body) {
        // The server rolls back a transaction that a closed connection leaves open.
        self.connection = nil
      }
    }
  }

  /// Calls `body` with a live connection. A statement that the server no longer knows how to run is prepared again and
  /// retried once: it was refused before it did anything.
  ///
  /// `checked` tells whether to check first that the connection is still open.
  func withConnection<T>(
    by deadline: Deadline,
    checked: Bool = true,
    _ body: (Connection) throws -> T
  ) throws -> T {
    do {
      return try discardingBroken(by: deadline, checked: checked, body)
    } catch let error as DatabaseError where error.sqlState == "0A000" || error.sqlState == "26000"
    {
      return try discardingBroken(by: deadline, checked: true, body)
    }
  }

  fileprivate func discardingBroken<T>(
    by deadline: Deadline,
    checked: Bool,
    _ body: (Connection) throws -> T
  ) throws -> T {
    if checked, let connection, !connection.isAlive { self.connection = nil }
    let connection =
      try self.connection ?? Connection(url: url, options: options, deadline: deadline)
    self.connection = connection
    do {
      return try body(connection)
    } catch let error as DatabaseError {
      switch error {
      case .unreachable, .deadlineExceeded: self.connection = nil
      case .refused, .unexpectedValue: break
      }
      throw error
    }
  }
}

/// A database with a deadline that ends all waiting for it.
public struct TimedDatabase {
  let database: Database
  let deadline: Deadline

  /// The same database with a deadline at most `milliseconds` from now.
  public func within(milliseconds: Int) -> TimedDatabase {
    database.by(min(deadline, Deadline(millisecondsFromNow: milliseconds)))
  }

  /// Runs a statement that changes nothing, and retries it once when the connection is lost.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  public func read<T>(_ query: Query, map: (Row) throws -> T) throws -> [T] {
    try reading { try $0.run(query, deadline: deadline, map: map) }
  }

  /// As `read(_:map:)`, for the first row alone; `nil` when there is none.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  public func first<T>(_ query: Query, map: (Row) throws -> T) throws -> T? {
    try reading { try $0.first(query, deadline: deadline, map: map) }
  }

  /// As `first(_:map:)`, for a statement that always has a row.
  ///
  /// - Throws: `DatabaseError`, `unexpectedValue` when there is no row; or what `map` throws.
  public func one<T>(_ query: Query, map: (Row) throws -> T) throws -> T {
    guard let value = try first(query, map: map) else {
      throw DatabaseError.unexpectedValue("no row")
    }
    return value
  }

  private func reading<T>(_ body: (Connection) throws -> T) throws -> T {
    do {
      // A lost connection may as well be noticed by the statement.
      return try database.withConnection(by: deadline, checked: false, body)
    } catch DatabaseError.unreachable {
      return try database.withConnection(by: deadline, body)
    }
  }

  /// Runs one statement that changes something and is its own transaction. When the connection is lost, nobody
  /// knows whether the change was made, so the statement is not repeated.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  public func write<T>(_ query: Query, map: (Row) throws -> T) throws -> [T] {
    try database.withConnection(by: deadline) {
      try $0.run(query, deadline: deadline, map: map)
    }
  }

  /// As `write(_:map:)`, for a statement that returns no rows.
  ///
  /// - Returns: the number of rows that it changed.
  /// - Throws: `DatabaseError`.
  public func write(_ query: Query) throws -> Int {
    try database.withConnection(by: deadline) { try $0.run(query, deadline: deadline) }
  }

  /// Runs `body` in one transaction: all of it happens, or nothing when it throws. It is repeated when the
  /// server resolves a conflict against it (40001, 40P01).
  ///
  /// - Throws: `DatabaseError`, or what `body` throws.
  public func transaction<T>(_ body: (Transaction) throws -> T) throws -> T {
    for _ in 0..<2 {
      do {
        return try database.attempt(by: deadline, body)
      } catch let error as DatabaseError
        where error.sqlState == "40001" || error.sqlState == "40P01"
      {
        continue
      }
    }
    return try database.attempt(by: deadline, body)
  }

  /// Runs a text of several statements without values, as one implicit transaction unless it says
  /// otherwise; for migrations.
  ///
  /// - Throws: `DatabaseError`.
  public func runScript(_ sql: SQL) throws {
    try database.withConnection(by: deadline) { try $0.runScript(sql, deadline: deadline) }
  }

  /// Calls `body` with a connection that is not replaced when it is lost.
  ///
  /// - Throws: `DatabaseError`, or what `body` throws.
  public func session<T>(_ body: (DatabaseSession) throws -> T) throws -> T {
    try database.discardingBroken(by: deadline, checked: true) {
      try body(DatabaseSession(connection: $0))
    }
  }
}

/// One connection, for as long as its user needs what only a connection has, such as advisory locks of a session.
public struct DatabaseSession {
  fileprivate let connection: Connection

  /// Runs a statement and hands each row to `map`.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  public func run<T>(_ query: Query, by deadline: Deadline, map: (Row) throws -> T) throws -> [T] {
    try connection.run(query, deadline: deadline, map: map)
  }

  /// Runs a text of statements without values.
  ///
  /// - Throws: `DatabaseError`.
  public func runScript(_ sql: SQL, by deadline: Deadline) throws {
    try connection.runScript(sql, deadline: deadline)
  }

  /// Runs `body` in one transaction: all of it happens, or nothing when it throws.
  ///
  /// - Throws: `DatabaseError`, or what `body` throws.
  public func transaction<T>(by deadline: Deadline, _ body: (Transaction) throws -> T) throws -> T {
    try connection.transaction(deadline: deadline, body) {}
  }
}

extension Connection {
  /// Runs `body` in one transaction. `abandon` is called when the transaction could not be rolled back.
  fileprivate func transaction<T>(
    deadline: Deadline,
    _ body: (Transaction) throws -> T,
    abandon: () -> Void
  ) throws -> T {
    // The server gives up when we do; otherwise it would go on although nobody waits.
    let milliseconds = max(1, deadline.millisecondsLeft)
    try runScript(
      SQL(unsafeSQL: "BEGIN; SET LOCAL statement_timeout = \(milliseconds)"),
      deadline: deadline
    )
    let result: T
    do {
      result = try body(Transaction(connection: self, deadline: deadline))
      // The server answers the COMMIT of a failed transaction with a ROLLBACK and no error.
      guard !isInFailedTransaction else {
        throw DatabaseError.refused(
          sqlState: "25P02",
          message: "a statement was refused, but the transaction went on",
          constraint: nil
        )
      }
    } catch {
      do { try runScript("ROLLBACK", deadline: deadline) } catch { abandon() }
      throw error
    }
    try runScript("COMMIT", deadline: deadline)
    return result
  }
}

/// An open transaction.
public struct Transaction {
  let connection: Connection
  let deadline: Deadline

  /// Runs a statement and hands each row to `map`.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  public func run<T>(_ query: Query, map: (Row) throws -> T) throws -> [T] {
    try connection.run(query, deadline: deadline, map: map)
  }

  /// Runs a statement and counts the rows that it changed.
  ///
  /// - Throws: `DatabaseError`.
  @discardableResult
  public func run(_ query: Query) throws -> Int {
    try connection.run(query, deadline: deadline)
  }

  /// Runs a statement and hands its first row to `map`; `nil` when there is none.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  public func first<T>(_ query: Query, map: (Row) throws -> T) throws -> T? {
    try connection.first(query, deadline: deadline, map: map)
  }

  /// Runs a text of several statements without values.
  ///
  /// - Throws: `DatabaseError`.
  public func runScript(_ sql: SQL) throws {
    try connection.runScript(sql, deadline: deadline)
  }
}
