public import Endpoint
import Glibc
import PostgreSQL
import Stores
import Tokens

/// An error whose message is meant for an operator: it concerns a setting, an argument, or the way in which the process
/// was started.
public protocol OperatorError: Error {
  /// One sentence that names the fault. It never contains a secret.
  var message: String { get }
}

/// The messages of a process to whoever has started it.
public enum Diagnostics {
  /// Ends a process that cannot work, with a message. Exit status 78 is `EX_CONFIG` of sysexits(3).
  public static func fail(_ name: String, _ error: any Error) -> Never {
    complain(name, reason(of: error))
    exit(78)
  }

  /// Writes a line to standard error.
  public static func complain(_ name: String, _ reason: String) {
    StandardStreams.complain("\(name): \(reason)")
  }

  /// The message of an error for an operator.
  public static func reason(of error: any Error) -> String {
    if let error = error as? any OperatorError { return error.message }
    let problem = Problem(any: error)
    return problem.cause ?? problem.message
  }
}

extension Problem {
  /// The problem that stands for any error: an unknown one is a 500 whose cause is logged and not sent.
  public init(any error: any Error) {
    switch error {
    case let problem as Problem: self = problem
    case let error as DatabaseError: self = Problem(error)
    case let error as KeyRing.Malformed: self = .internal(cause: error.message)
    default: self = .internal(cause: "\(error)")
    }
  }
}
