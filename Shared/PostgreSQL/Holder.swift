/// A connection as the holder of claims: whoever claims a row writes the holder's number into it.
///
/// The number is random, and the connection has the advisory lock of that number for as long as it lives. So everybody
/// can see in `pg_locks` whether a holder is still there, wherever it was; and with a connection that is lost, for
/// whatever reason, all its claims end at once.
public struct Holder: Equatable, Sendable {
  /// The number, of which all bits are used.
  public let number: Int64
}

extension TimedDatabase {
  /// Only on a direct connection is this the server's own process number. Nothing is locked elsewhere: the connections of a
  /// pooler go on living.
  private static let hold = Statement(
    "SELECT CASE WHEN pg_backend_pid() = :process::integer THEN pg_try_advisory_lock(:number) ELSE false END"
  )

  /// A host that is gone without a word is noticed after 25 seconds. Source: PostgreSQL manual, §20.3.2.
  private static let noticeLoss = Statement(
    """
    SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
      set_config('tcp_keepalives_count', '3', false)
    """
  )

  private static let ping = Statement("SELECT pg_backend_pid()")

  /// Tells whether the connection is the server's own. It is not when it leads through a pooler, even one that keeps a
  /// server's connection for as long as the client's.
  ///
  /// - Throws: `DatabaseError`.
  public func isDirect() throws -> Bool {
    try database.withConnection(by: deadline) { try isDirect($0) }
  }

  private func isDirect(_ connection: Connection) throws -> Bool {
    try connection.first(Query(Self.ping), deadline: deadline) { try $0.integer(0) }
      == Int64(connection.serverProcess)
  }

  /// Runs a statement that claims rows. Its parameter `:holder` is the number of the connection that it runs on. Like a
  /// write, it is not repeated.
  ///
  /// A connection through a pooler cannot hold anything. Unless the claim `needsHolder`, its number is null there.
  /// - Throws: `DatabaseError`, or what `map` throws.
  public func claim<T>(
    _ statement: Statement,
    _ arguments: Query.Arguments,
    needsHolder: Bool,
    map: (Row, Holder?) throws -> T
  ) throws -> [T] {
    try database.withConnection(by: deadline) { connection in
      let holder = try holder(connection)
      guard holder != nil || !needsHolder else {
        throw DatabaseError.unexpectedValue("a pooler, through which nothing can be claimed")
      }
      let number: SQLValue = holder.map { .integer($0.number) } ?? .null
      let query = Query(statement, arguments.adding("holder", number))
      return try connection.run(query, deadline: deadline) { try map($0, holder) }
    }
  }

  private func holder(_ connection: Connection) throws -> Holder? {
    if let holder = connection.holder { return holder }
    let holder = Holder(number: .random(in: .min ... .max))
    let query = Query(
      Self.hold,
      ["process": .integer(Int64(connection.serverProcess)), "number": .integer(holder.number)]
    )
    guard try connection.first(query, deadline: deadline, map: { try $0.bool(0) }) == true else {
      return nil
    }
    _ = try connection.run(Query(Self.noticeLoss), deadline: deadline)
    connection.holder = holder
    return holder
  }

  /// Makes sure, by asking the server, that a holder is still there, and so are its claims.
  ///
  /// - Throws: `DatabaseError` `unreachable` when its connection was lost, and another one has perhaps taken its place.
  public func confirm(_ holder: Holder) throws {
    try database.withConnection(by: deadline) { connection in
      guard connection.holder == holder, try isDirect(connection) else {
        throw DatabaseError.unreachable("the connection was lost that had claimed this")
      }
    }
  }
}
