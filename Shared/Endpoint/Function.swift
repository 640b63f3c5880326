public import API
public import Values

/// One endpoint: a request message in, a response message out, exactly the shape of its `rpc` line in
/// the contract. It knows nothing of HTTP, gRPC, FastCGI or libpq.
public protocol Function {
  /// The request message.
  associatedtype Request: Message
  /// The response message; `Empty` when there is nothing to say.
  associatedtype Response: Message

  /// Where it is reached.
  static var route: Route { get }
  /// Who may call it.
  static var access: Access { get }

  /// Checks the rules of a request and does nothing else. Called when its fields are already known to be
  /// wrong, so that one answer names everything that is.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`.
  static func validate(_ request: Request, in context: Context) throws

  /// Answers one request.
  ///
  /// - Throws: `Problem` for what the client should know; anything else becomes a 500 whose cause is logged.
  func respond(to request: Request, in context: Context) throws -> Response
}

extension Function {
  /// There are no rules.
  public static func validate(_ request: Request, in context: Context) throws {}
}

/// Who may call a function.
public enum Access: Equatable, Sendable {
  /// Anyone; a token that comes along is not looked at.
  case anyone
  /// Anyone; but when a token comes along it must be good.
  case anyoneKnownOrNot
  /// Who has a good token.
  case signedIn
  /// Who has a good token with one of these roles.
  case roles([Role])
}

/// What a function knows of the moment it is called in.
public struct Context: Sendable {
  /// The time, taken once for the whole request.
  public let now: Instant
  /// Who calls.
  public let caller: Caller
  /// The request's id, as in every log line about it.
  public let requestID: String

  /// A context.
  public init(now: Instant, caller: Caller, requestID: String = "") {
    self.now = now
    self.caller = caller
    self.requestID = requestID
  }

  /// A new id for something made now.
  public func newID() -> ID {
    var random = SystemRandomNumberGenerator()
    return ID(at: now, random: &random)
  }
}

/// Who calls, as far as a verified token says.
public struct Caller: Equatable, Sendable {
  /// The user's id; empty for an unknown caller.
  public let userID: String
  /// What the caller may do.
  public let role: Role
  /// The session that the token belongs to; `nil` for services and unknown callers.
  public let sessionID: String?

  /// A caller.
  public init(userID: String, role: Role, sessionID: String? = nil) {
    self.userID = userID
    self.role = role
    self.sessionID = sessionID
  }

  /// Somebody without a token.
  public static let unknown = Caller(userID: "", role: .unspecified)

  /// Whether the caller may see everything.
  public var seesEverything: Bool { role == .admin || role == .service }

  /// Whether the caller is this user.
  public func isUser(_ id: ID) -> Bool { userID == id.text }
}
