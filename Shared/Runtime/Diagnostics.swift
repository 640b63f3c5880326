public import Endpoint
import Glibc
import PostgreSQL
import Stores
import Tokens

/// An error whose message is meant for an operator: a setting, an argument, or what the process was started with.
public protocol OperatorError: Error {
  /// One sentence that names what is wrong. Never holds a secret.
  var message: String { get }
}

/// What a process says to whoever has started it.
public enum Diagnostics {
  /// Ends a process that cannot work, saying why. Exit status 78 is `EX_CONFIG` of sysexits(3).
  public static func fail(_ name: String, _ error: any Error) -> Never {
    complain(name, reason(of: error))
    exit(78)
  }

  /// Writes a line to standard error.
  public static func complain(_ name: String, _ reason: String) {
    StandardStreams.complain("\(name): \(reason)")
  }

  /// The sentence that an error has for an operator.
  public static func reason(of error: any Error) -> String {
    if let error = error as? any OperatorError { return error.message }
    let problem = Problem(any: error)
    return problem.cause ?? problem.message
  }
}

extension Problem {
  /// What becomes of any error: what is not known is a 500 whose cause is logged and not sent.
  public init(any error: any Error) {
    switch error {
    case let problem as Problem: self = problem
    case let error as DatabaseError: self = Problem(error)
    case let error as KeyRing.Malformed: self = .internal(cause: error.message)
    default: self = .internal(cause: "\(error)")
    }
  }
}
