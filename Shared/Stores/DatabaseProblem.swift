public import Endpoint
public import PostgreSQL

extension Problem {
  /// Another user has the user name.
  static let usernameTaken = Problem(.usernameTaken, details: ["username": "is taken"])

  /// Another user has the e-mail address.
  static let emailTaken = Problem(.emailTaken, details: ["email": "is taken"])

  /// The problem that a client sees instead of a database error: the one table from SQLSTATE to problem.
  /// Source: PostgreSQL manual, appendix A.
  public init(_ error: DatabaseError) {
    switch error {
    case .unreachable: self = .unavailable(cause: error.summary)
    case .deadlineExceeded: self = .deadlineExceeded(cause: error.summary)
    case .unexpectedValue: self = .internal(cause: error.summary)
    case .refused(let sqlState, _, let constraint):
      switch (sqlState.prefix(2), sqlState, constraint) {
      case (_, "23505", "users_username_key"): self = .usernameTaken
      case (_, "23505", "users_email_key"): self = .emailTaken
      case (_, "57014", _): self = .deadlineExceeded(cause: error.summary)
      // Connection, resources (too many connections, disk full), operator intervention, conflict.
      case ("08", _, _), ("53", _, _), ("57", _, _), (_, "40001", _), (_, "40P01", _),
        (_, "25006", _):
        self = .unavailable(cause: error.summary)
      default: self = .internal(cause: error.summary)
      }
    }
  }
}
