/// What goes wrong, as a client sees it: the only error that leaves a function.
///
/// It knows nothing of HTTP or gRPC; `Wire` gives each `Code` its status there.
public struct Problem: Error, Equatable {
  /// What a program can act on. A code once given is never used for something else.
  public enum Code: String, CaseIterable, Sendable {
    case invalidArgument = "INVALID_ARGUMENT"
    case malformedJSON = "MALFORMED_JSON"
    case invalidPageToken = "INVALID_PAGE_TOKEN"
    case unauthenticated = "UNAUTHENTICATED"
    case tokenInvalid = "TOKEN_INVALID"
    case tokenExpired = "TOKEN_EXPIRED"
    case sessionRevoked = "SESSION_REVOKED"
    case invalidCredentials = "INVALID_CREDENTIALS"
    case refreshTokenInvalid = "REFRESH_TOKEN_INVALID"
    case refreshTokenExpired = "REFRESH_TOKEN_EXPIRED"
    case refreshTokenReused = "REFRESH_TOKEN_REUSED"
    case permissionDenied = "PERMISSION_DENIED"
    case notFound = "NOT_FOUND"
    case userNotFound = "USER_NOT_FOUND"
    case taskNotFound = "TASK_NOT_FOUND"
    case notificationNotFound = "NOTIFICATION_NOT_FOUND"
    case subscriptionNotFound = "SUBSCRIPTION_NOT_FOUND"
    case linkNotFound = "LINK_NOT_FOUND"
    case methodNotAllowed = "METHOD_NOT_ALLOWED"
    case unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
    case payloadTooLarge = "PAYLOAD_TOO_LARGE"
    case malformedMessage = "MALFORMED_MESSAGE"
    case unsupportedEncoding = "UNSUPPORTED_ENCODING"
    case contactUnknown = "CONTACT_UNKNOWN"
    case noSubscription = "NO_SUBSCRIPTION"
    case usernameTaken = "USERNAME_TAKEN"
    case emailTaken = "EMAIL_TAKEN"
    case invalidTransition = "INVALID_TRANSITION"
    case versionMismatch = "VERSION_MISMATCH"
    case rateLimited = "RATE_LIMITED"
    case `internal` = "INTERNAL"
    case unavailable = "UNAVAILABLE"
    case deadlineExceeded = "DEADLINE_EXCEEDED"
  }

  /// What happened, for programs.
  public let code: Code
  /// What happened, for people: one sentence without a full stop.
  public let message: String
  /// Which field, and why; empty when no field is to blame.
  public let details: [String: String]
  /// What lies behind it, for the log alone: never sent to a client.
  public let cause: String?
  /// Fields that are wrong as well, by name, when this problem comes before them. They are sent only with those of
  /// an `INVALID_ARGUMENT`.
  public private(set) var outrankedFields: [String: String] = [:]

  /// A problem.
  public init(
    _ code: Code,
    _ message: String,
    details: [String: String] = [:],
    cause: String? = nil
  ) {
    self.code = code
    self.message = message
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

  /// All fields that it knows to be wrong, each with the reason.
  public var wrongFields: [String: String] {
    code == .invalidArgument ? details : outrankedFields
  }

  /// Something that is nobody's fault but ours. The cause goes to the log.
  public static func `internal`(cause: String) -> Problem {
    Problem(.internal, "something went wrong on our side", cause: cause)
  }

  /// Something that is down now and may be back soon.
  public static func unavailable(cause: String) -> Problem {
    Problem(.unavailable, "the service is not available at the moment, try again", cause: cause)
  }

  /// The request took longer than it may.
  public static func deadlineExceeded(cause: String) -> Problem {
    Problem(.deadlineExceeded, "the request took too long, try again", cause: cause)
  }

  /// No such user, or none that this caller may know of.
  public static let userNotFound = Problem(.userNotFound, "there is no such user")

  /// No such task, or none that this caller may know of.
  public static let taskNotFound = Problem(.taskNotFound, "there is no such task")

  /// No such notification, or none that this caller may know of.
  public static let notificationNotFound = Problem(
    .notificationNotFound,
    "there is no such notification"
  )

  /// No such subscription, or none of this caller's.
  public static let subscriptionNotFound = Problem(
    .subscriptionNotFound,
    "there is no such subscription"
  )

  /// There is no browser to send a push message to.
  public static let noSubscription = Problem(
    .noSubscription,
    "the user has no browser that takes messages"
  )

  /// Somebody else was quicker.
  public static func changed(_ what: String, since version: Int64) -> Problem {
    Problem(.versionMismatch, "the \(what) has been changed since: it is at version \(version)")
  }

  /// Nobody of that name, or another password: one answer for both.
  public static let invalidCredentials = Problem(
    .invalidCredentials,
    "the user name or the password is wrong"
  )

  /// Somebody who is signed in does not know the password that they want to change.
  public static let wrongCurrentPassword = Problem(
    .invalidCredentials,
    "the current password is wrong",
    details: ["current_password": "is wrong"]
  )

  /// The caller is known and may not do this.
  public static func permissionDenied(_ message: String) -> Problem {
    Problem(.permissionDenied, message)
  }
}
