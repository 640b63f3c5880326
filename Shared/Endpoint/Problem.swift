/// A problem as a client sees it: the only error that leaves a function.
///
/// Its codes, with their statuses and usual messages, are the contract's (`contract/v1/codes.proto`).
public struct Problem: Error, Equatable {
  /// The kind of problem, for programs.
  public let code: Code
  /// The problem in one sentence for people, without a full stop.
  public let message: String
  /// The reason for each wrong field; empty when no field is to blame.
  public let details: [String: String]
  /// The cause, for the log alone: it is never sent to a client.
  public let cause: String?
  /// Fields that are wrong as well, by name, when this problem takes precedence over them. They are sent only with
  /// those of an `INVALID_ARGUMENT`.
  public private(set) var outrankedFields: [String: String] = [:]

  /// A problem. Without a message, it has the code's default message in the contract.
  public init(
    _ code: Code,
    _ message: String? = nil,
    details: [String: String] = [:],
    cause: String? = nil
  ) {
    self.code = code
    self.message = message ?? code.message
    self.details = details
    self.cause = cause
  }

  /// The same problem, in the place of the one that kept a valid value from being made, if any did. It keeps the
  /// fields that are wrong, for an answer that names wrong fields anyway.
  public func outranking<Value>(_ made: Result<Value, any Error>) -> Problem {
    guard case .failure(let other as Problem) = made else { return self }
    var problem = self
    problem.outrankedFields = other.wrongFields
    return problem
  }

  /// All fields that are known to be wrong, each with the reason.
  public var wrongFields: [String: String] {
    code == .invalidArgument ? details : outrankedFields
  }

  /// A fault of our own. The cause goes to the log.
  public static func `internal`(cause: String) -> Problem {
    Problem(.internal, cause: cause)
  }

  /// A failure of something that may be back soon. The cause goes to the log.
  public static func unavailable(cause: String) -> Problem {
    Problem(.unavailable, cause: cause)
  }

  /// The request took too long.
  public static func deadlineExceeded(cause: String) -> Problem {
    Problem(.deadlineExceeded, cause: cause)
  }

  /// There is no such user, or none that this caller may know of.
  public static let userNotFound = Problem(.userNotFound)

  /// There is no such task, or none that this caller may know of.
  public static let taskNotFound = Problem(.taskNotFound)

  /// There is no such notification, or none that this caller may know of.
  public static let notificationNotFound = Problem(.notificationNotFound)

  /// There is no such subscription, or it is not this caller's.
  public static let subscriptionNotFound = Problem(.subscriptionNotFound)

  /// There is no browser to send a push message to.
  public static let noSubscription = Problem(.noSubscription)

  /// Somebody else has changed it since the version that the caller has seen.
  public static func changed(_ what: String, since version: Int64) -> Problem {
    Problem(.versionMismatch, "the \(what) has been changed since: its version is \(version) now")
  }

  /// There is nobody of that name, or the password is another: one answer for both.
  public static let invalidCredentials = Problem(.invalidCredentials)

  /// A signed-in user does not know the password that they want to change.
  public static let wrongCurrentPassword = Problem(
    .wrongPassword,
    details: ["current_password": "is wrong"]
  )

  /// The caller is known and may not do this.
  public static func permissionDenied(_ message: String) -> Problem {
    Problem(.permissionDenied, message)
  }
}
