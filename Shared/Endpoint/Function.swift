public import API
public import Values

/// An endpoint: a request message in, a response message out, exactly the shape of its `rpc` line in
/// the contract. It knows nothing of HTTP, gRPC, FastCGI or libpq.
///
/// A request takes two steps: `input(from:in:)` turns it into a valid value, `respond(to:in:)` acts on that value.
/// A function without rules of its own leaves out the first step and responds to the request message itself.
public protocol Function {
  /// The valid value that a request is turned into.
  associatedtype Input
  /// The request message.
  associatedtype Request: Message = Input
  /// The response message; `Empty` when there is nothing to say.
  associatedtype Response: Message

  /// Its contract, such as `FunctionContract.createTask`.
  static var contract: FunctionContract { get }

  /// Turns a request into a valid value. It changes nothing and never asks the database.
  ///
  /// It is called once for each request, even when fields of it are already known to be wrong, so that one
  /// answer names every wrong field. In that case nothing else that it returns or throws counts.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` with all fields that are wrong. Another problem for a request that is
  ///   refused whatever it says; one that takes precedence over wrong fields is thrown by `Problem.outranking(_:)`.
  func input(from request: Request, in context: Context) throws -> Input

  /// Answers one request.
  ///
  /// - Throws: `Problem` for what the client should know; anything else becomes a 500 whose cause is logged.
  func respond(to input: Input, in context: Context) throws -> Response
}

extension Function {
  /// The REST path and the gRPC method that lead to it.
  public static var route: Route { contract.route }
  /// The callers that it accepts.
  public static var access: Access { contract.access }
}

extension Function where Input == Request {
  /// The request as it is: there are no rules.
  public func input(from request: Request, in context: Context) throws -> Request { request }
}

/// The callers that a function accepts.
public enum Access: Equatable, Sendable {
  /// Anyone; a token in the request is ignored.
  case anyone
  /// Anyone; a valid token in the request says who it is. The reason why another was refused is in the context.
  case anyoneKnownOrNot
  /// Callers with a valid token.
  case signedIn
  /// Callers with a valid token that has one of these roles.
  case roles([Role])
}

/// The circumstances of a call.
public struct Context: Sendable {
  /// The time, taken once for the whole request.
  public let now: Instant
  /// The caller.
  public let caller: Caller
  /// The reason why the request's token was refused, where the caller may be anyone; otherwise `nil`.
  public let refusal: Problem.Code?
  /// The request's id, and the trace that it belongs to.
  public let trace: Trace
  /// The end of the caller's patience.
  public let deadline: Deadline
  /// The service whose port received the request; `nil` on the port that all services share.
  public let service: String?

  /// A context.
  public init(
    now: Instant,
    caller: Caller,
    refusal: Problem.Code? = nil,
    trace: Trace = Trace(),
    deadline: Deadline,
    service: String? = nil
  ) {
    self.now = now
    self.caller = caller
    self.refusal = refusal
    self.trace = trace
    self.deadline = deadline
    self.service = service
  }

  /// A new id for something created now.
  public func newID() -> ID {
    var random = SystemRandomNumberGenerator()
    return ID(at: now, random: &random)
  }
}

extension Context {
  private static let leastMilliseconds = 500

  /// Repeats `body` while it says that something is left, as long as the time allows.
  ///
  /// - Returns: whether something is still left.
  /// - Throws: what `body` throws.
  public func repeating(_ body: () throws -> Bool) rethrows -> Bool {
    while try body() {
      if deadline.millisecondsLeft <= Self.leastMilliseconds { return true }
    }
    return false
  }
}

/// The identity that ties together everything that is done for one request, also in other services.
public struct Trace: Equatable, Sendable {
  /// The request's id, as in every log line about it.
  public let requestID: String
  /// The caller's `traceparent`, if it sent a valid one. Source: W3C Trace Context §3.2.
  public let parent: String?

  /// A trace; a `parent` that is not of the form `00-<32 hex>-<16 hex>-<2 hex>` is dropped.
  public init(requestID: String = "", parent: String? = nil) {
    self.requestID = requestID
    self.parent = parent.flatMap { Self.isValid($0) ? $0 : nil }
  }

  /// The trace's id: 32 hexadecimal digits.
  public var id: Substring? { parent?.dropFirst(3).prefix(32) }

  private static func isValid(_ parent: String) -> Bool {
    let parts = parent.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard parts.map(\.count) == [2, 32, 16, 2], parts[0].elementsEqual("00".utf8) else {
      return false
    }
    let zero = UInt8(ascii: "0")
    return parts.allSatisfy {
      $0.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
      && parts[1].contains { $0 != zero } && parts[2].contains { $0 != zero }
  }
}

/// The caller, as described by a verified token.
public struct Caller: Equatable, Sendable {
  /// The user's id; for an unknown caller, one that nobody has.
  public let userID: ID
  /// The role, which says what the caller may do.
  public let role: Role
  /// The session that the token belongs to; `nil` for services and unknown callers.
  public let sessionID: ID?

  /// A caller.
  public init(userID: ID, role: Role, sessionID: ID? = nil) {
    self.userID = userID
    self.role = role
    self.sessionID = sessionID
  }

  /// A caller without a token. No user has the empty id.
  public static let unknown = Caller(userID: ID(stored: ""), role: .unspecified)

  /// Whether the caller may see everything.
  public var seesEverything: Bool { role == .admin || role == .service }

  /// Tells whether the caller is this user.
  public func isUser(_ id: ID) -> Bool { userID == id }
}
