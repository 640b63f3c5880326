private import CPostgreSQL
import Glibc
import Values

/// One libpq connection, `PGconn`, in non-blocking mode: every wait is a `poll` that a deadline ends,
/// because a database that hangs, rather than dies, never answers, and a Unix socket has no time-outs.
final class Connection {
  private let handle: OpaquePointer
  private var statements: [Statement.Variant: Ready] = [:]
  private var preparedCount = 0
  /// The number under which the connection claims rows, once it has.
  var holder: Holder?
  private let preparesStatements: Bool
  /// The most prepared statements of a connection; each takes some 10 kB in the server.
  private static let maximumStatements = 100

  /// A variant of a statement that can be run.
  private struct Ready {
    /// The name under which it is prepared, or its text where nothing is prepared.
    let nameOrText: String
    /// The parameters that are `$1`, `$2` …
    let order: [Int]
    let isPrepared: Bool
  }

  /// Connects. The corresponding C functions are `PQconnectStartParams` and `PQconnectPoll`.
  ///
  /// - Throws: `DatabaseError` `unreachable` or `deadlineExceeded`.
  init(url: String, options: Database.Options, deadline: Deadline) throws {
    var parameters = [("dbname", url), ("fallback_application_name", options.applicationName)]
    // PgBouncer refuses start-up options that it does not know.
    if options.preparesStatements {
      parameters.append(("options", "-c statement_timeout=\(options.statementTimeoutMilliseconds)"))
    }
    guard let handle = Self.start(parameters) else {
      throw DatabaseError.unreachable("out of memory")
    }
    self.handle = handle
    preparesStatements = options.preparesStatements
    // The URL may hold a password, which must not reach the log: libpq's messages name host and user only.
    guard PQstatus(handle) != CONNECTION_BAD else { throw lost() }
    var state = PGRES_POLLING_WRITING
    while state != PGRES_POLLING_OK {
      switch state {
      case PGRES_POLLING_READING: try wait(for: POLLIN, until: deadline)
      case PGRES_POLLING_WRITING: try wait(for: POLLOUT, until: deadline)
      default: throw lost()
      }
      state = PQconnectPoll(handle)
    }
    guard PQsetnonblocking(handle, 1) == 0 else { throw lost() }
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
  }

  deinit { PQfinish(handle) }

  private static func start(_ parameters: [(String, String)]) -> OpaquePointer? {
    let strings = parameters.map { (strdup($0.0), strdup($0.1)) }
    defer {
      for (name, value) in strings {
        free(name)
        free(value)
      }
    }
    var names = strings.map { UnsafePointer($0.0) }
    var values = strings.map { UnsafePointer($0.1) }
    names.append(nil)
    values.append(nil)
    return PQconnectStartParams(names, values, 1)
  }

  /// Tells whether the connection is still open. This costs one system call while the server is silent, and saves
  /// a write that cannot be repeated.
  var isAlive: Bool {
    // An idle connection receives only a notice (its settings were changed) or its end: a last message, then the
    // end of the stream.
    for _ in 0..<8 {
      var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
      guard poll(&descriptor, 1, 0) != 0 else { return PQstatus(handle) == CONNECTION_OK }
      guard PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK else { return false }
    }
    return false
  }

  /// The number of the server's process, or whatever a pooler says instead. The corresponding C function is
  /// `PQbackendPID`.
  var serverProcess: Int32 { PQbackendPID(handle) }

  /// Runs one statement and hands each row to `map`.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  func run<T>(_ query: Query, deadline: Deadline, map: (Row) throws -> T) throws -> [T] {
    let result = try execute(query, deadline: deadline)
    defer { PQclear(result) }
    var rows: [T] = []
    let count = PQntuples(result)
    rows.reserveCapacity(Int(count))
    let fields = PQnfields(result)
    for index in 0..<count {
      rows.append(try map(Row(result: result, fields: fields, index: index)))
    }
    return rows
  }

  /// Runs one statement and hands its first row to `map`; `nil` when there is none.
  ///
  /// - Throws: `DatabaseError`, or what `map` throws.
  func first<T>(_ query: Query, deadline: Deadline, map: (Row) throws -> T) throws -> T? {
    let result = try execute(query, deadline: deadline)
    defer { PQclear(result) }
    guard PQntuples(result) > 0 else { return nil }
    return try map(Row(result: result, fields: PQnfields(result), index: 0))
  }

  /// Runs one statement and counts the rows that it changed.
  ///
  /// - Throws: `DatabaseError`.
  func run(_ query: Query, deadline: Deadline) throws -> Int {
    let result = try execute(query, deadline: deadline)
    defer { PQclear(result) }
    return Int(String(cString: PQcmdTuples(result))) ?? 0
  }

  /// Whether a statement of the open transaction was refused, so that the transaction can only be rolled back.
  var isInFailedTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_INERROR }

  /// Runs a text of several statements without values. The corresponding C function is `PQsendQuery`.
  ///
  /// - Throws: `DatabaseError`.
  func runScript(_ sql: SQL, deadline: Deadline) throws {
    guard PQsendQuery(handle, sql.text) == 1 else { throw lost() }
    PQclear(try collect(until: deadline))
  }

  private func execute(_ query: Query, deadline: Deadline) throws -> OpaquePointer {
    let (variant, values) = try query.resolved()
    let statement = try statements[variant] ?? makeReady(variant, deadline: deadline)
    let parameters = Parameters(values, order: statement.order)
    let binary: Int32 = 1
    let sent = parameters.withPointers {
      statement.isPrepared
        ? PQsendQueryPrepared(handle, statement.nameOrText, parameters.count, $0, nil, nil, binary)
        : PQsendQueryParams(
          handle,
          statement.nameOrText,
          parameters.count,
          nil,
          $0,
          nil,
          nil,
          binary
        )
    }
    guard sent == 1 else { throw lost() }
    do {
      return try collect(until: deadline)
    } catch let error as DatabaseError
      where statement.isPrepared && (error.sqlState == "0A000" || error.sqlState == "26000")
    {
      // A migration changed the statement's result, or a pooler dropped it. That seldom comes alone, so all
      // statements are prepared again. Their numbers go on counting, so no name is used twice.
      statements = [:]
      throw error
    }
  }

  private func makeReady(_ variant: Statement.Variant, deadline: Deadline) throws -> Ready {
    let rendering = try variant.statement.rendering(given: variant.given)
    if statements.count >= Self.maximumStatements {
      statements = [:]
      if preparesStatements { try runScript("DEALLOCATE ALL", deadline: deadline) }
    }
    var nameOrText = rendering.text
    let isPrepared = preparesStatements && !variant.statement.isPlannedEachTime
    if isPrepared {
      preparedCount += 1
      nameOrText = "s\(preparedCount)"
      guard PQsendPrepare(handle, nameOrText, rendering.text, 0, nil) == 1 else { throw lost() }
      PQclear(try collect(until: deadline))
    }
    let ready = Ready(nameOrText: nameOrText, order: rendering.order, isPrepared: isPrepared)
    statements[variant] = ready
    return ready
  }

  /// Sends the remaining data, waits for the answer and returns the last result.
  private func collect(until deadline: Deadline) throws -> OpaquePointer {
    var last: OpaquePointer?
    var error: DatabaseError?
    while true {
      while true {
        let unsent = PQflush(handle)
        guard unsent >= 0 else {
          PQclear(last)
          throw lost()
        }
        guard unsent == 1 || PQisBusy(handle) == 1 else { break }
        do {
          try wait(for: unsent == 1 ? POLLIN | POLLOUT : POLLIN, until: deadline)
        } catch {
          PQclear(last)
          throw error
        }
        guard PQconsumeInput(handle) == 1 else {
          PQclear(last)
          throw error ?? lost()
        }
      }
      guard let result = PQgetResult(handle) else { break }
      switch PQresultStatus(result) {
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
      default: error = error ?? self.error(of: result)
      }
      PQclear(last)
      last = result
    }
    if let error {
      PQclear(last)
      throw PQstatus(handle) == CONNECTION_OK ? error : lost(after: error)
    }
    guard let last else { throw lost() }
    return last
  }

  private func wait(for events: Int32, until deadline: Deadline) throws {
    var descriptor = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
    while true {
      let milliseconds = deadline.millisecondsLeft
      let ready = poll(&descriptor, 1, milliseconds)
      if ready > 0 { return }
      if ready == 0 || milliseconds == 0 { throw DatabaseError.deadlineExceeded }
      guard errno == EINTR else { throw DatabaseError.unreachable("poll: errno \(errno)") }
    }
  }

  private func error(of result: OpaquePointer) -> DatabaseError {
    func field(_ code: Character) -> String? {
      guard let ascii = code.asciiValue, let text = PQresultErrorField(result, Int32(ascii)) else {
        return nil
      }
      return String(cString: text)
    }
    // PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_CONSTRAINT_NAME
    guard let sqlState = field("C") else { return lost() }
    // Terminated by an administrator, a crash or an idle limit: the connection is about to end.
    if sqlState.hasPrefix("57P") { return .unreachable(field("M") ?? sqlState) }
    // The detail would quote the row's values; the primary message does not.
    return .refused(sqlState: sqlState, message: field("M") ?? "", constraint: field("n"))
  }

  private func lost(after error: DatabaseError? = nil) -> DatabaseError {
    if let error { return .unreachable(error.summary) }
    let message = String(cString: PQerrorMessage(handle))
    return .unreachable(
      message.split(separator: "\n").first.map(String.init) ?? "the connection broke"
    )
  }
}
