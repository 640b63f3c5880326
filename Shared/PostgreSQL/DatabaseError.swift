/// The failure of a database call.
public enum DatabaseError: Error, Sendable {
  /// There is no connection, or it broke, so it is not known whether anything was done.
  case unreachable(String)
  /// The time ran out while the database was busy or did not answer.
  case deadlineExceeded
  /// The server refused a statement. Source: PostgreSQL manual, appendix A (SQLSTATE).
  case refused(sqlState: String, message: String, constraint: String?)
  /// A value was not of the type that the code expects, a row was missing, or the values given to a statement do not
  /// fit its parameters.
  case unexpectedValue(String)

  /// One line for the log.
  public var summary: String {
    switch self {
    case .unreachable(let message): "database unreachable: \(message)"
    case .deadlineExceeded: "the database did not answer in time"
    case .refused(let sqlState, let message, _): "SQLSTATE \(sqlState): \(message)"
    case .unexpectedValue(let message): "unexpected value: \(message)"
    }
  }

  /// The SQLSTATE, when the server gave one.
  var sqlState: String? {
    guard case .refused(let sqlState, _, _) = self else { return nil }
    return sqlState
  }
}
