import API
public import Endpoint
import JSON
import PostgreSQL
import Stores
import Telemetry
import Tokens
import Values
public import Wire

/// A function with all that it needs: the way of one request, from whichever door it comes.
public struct Invocation<F: Function> where F.Request: RequestMessage, F.Response: ResponseMessage {
  private let function: F
  private let resources: Resources
  private let tokens: SessionTokens?
  private let deadlineMilliseconds: Int

  /// A function ready to be called.
  ///
  /// - Throws: `Settings.Invalid`.
  public init(_ function: F, resources: Resources) throws {
    self.function = function
    self.resources = resources
    tokens = F.access == .anyone ? nil : try resources.tokens
    deadlineMilliseconds = try resources.settings.deadlineMilliseconds
  }

  /// Answers a REST request and writes its line to the log.
  ///
  /// `authorizations` is how many `Authorization` headers came.
  /// `isTooLarge` is whether the body was larger than allowed, and so was not read.
  public func respond(
    to request: HTTPRequest,
    authorizations: Int,
    isTooLarge: Bool = false
  ) -> HTTPReply {
    let start = Clock.monotonicMicroseconds()
    let now = resources.now
    var caller = Caller.unknown
    let reply: HTTPReply
    var problem: Problem?
    do {
      if isTooLarge { throw Problem(.payloadTooLarge, "the body is larger than 1 MiB") }
      if authorizations > 1 {
        throw Problem(.tokenInvalid, "there is more than one Authorization header")
      }
      caller = try identify(token: { try request.bearerToken() }, at: now)
      let decoded = try RESTDecoder.decode(request, route: F.route, as: F.Request.self)
      let message = try call(
        decoded,
        Context(now: now, caller: caller, requestID: request.id)
      )
      reply = HTTPReply(message, to: request, route: F.route)
    } catch {
      let found = Problem(any: error)
      reply = HTTPReply(found, allowing: F.route.methods)
      problem = found
    }
    let duration = Clock.monotonicMicroseconds() - start
    log(request, caller, reply.status, problem, duration, now)
    return reply
  }

  /// Finds out who calls, and refuses who may not.
  ///
  /// - Throws: `Problem` `UNAUTHENTICATED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `PERMISSION_DENIED`.
  private func identify(token: () throws -> String?, at now: Instant) throws -> Caller {
    guard let tokens else { return .unknown }
    guard let token = try token() else {
      if F.access == .anyoneKnownOrNot { return .unknown }
      throw Problem(.unauthenticated, "sign in first: this needs an access token")
    }
    let caller = try tokens.caller(of: token, at: now)
    try F.access.check(caller)
    return caller
  }

  /// Calls the function with a message, once its fields and its rules have been checked together.
  ///
  /// - Throws: `Problem`, or anything else that goes wrong.
  public func call(
    _ decoded: RESTDecoder.Decoded<F.Request>,
    _ context: Context
  ) throws -> F.Response {
    resources.database.deadline = Deadline(millisecondsFromNow: deadlineMilliseconds)
    guard decoded.violations.isEmpty else {
      var violations = decoded.violations
      do {
        try F.validate(decoded.message, in: context)
      } catch let problem as Problem where problem.code == .invalidArgument {
        for (field, reason) in problem.details { violations.add(field, reason) }
      } catch {
        // What else is wrong comes up when the fields are right.
      }
      try violations.check()
      return F.Response()
    }
    return try function.respond(to: decoded.message, in: context)
  }

  private func log(
    _ request: HTTPRequest,
    _ caller: Caller,
    _ status: Int,
    _ problem: Problem?,
    _ duration: Int64,
    _ now: Instant
  ) {
    let level: Log.Level = status >= 500 ? .error : .info
    resources.log.write(level, at: now) { line in
      line.name("request_id")
      line.value(request.id)
      line.name("method")
      line.value(request.method)
      line.name("status")
      line.value(status)
      line.name("duration_ms")
      line.value(milliseconds: duration)
      line.name("user_id")
      line.value(caller.userID.isEmpty ? nil : caller.userID)
      guard let problem else { return }
      line.name("error")
      line.value(problem.code.rawValue)
      if let cause = problem.cause {
        line.name("cause")
        line.value(cause)
      }
    }
  }
}

extension Access {
  /// - Throws: `Problem` `PERMISSION_DENIED`.
  func check(_ caller: Caller) throws {
    if case .roles(let roles) = self, !roles.contains(caller.role) {
      throw Problem.permissionDenied("your role does not allow this")
    }
  }
}

extension Problem {
  /// What becomes of any error: what is not known is a 500 whose cause is logged and not sent.
  init(any error: any Error) {
    switch error {
    case let problem as Problem: self = problem
    case let error as DatabaseError: self = Problem(error)
    case let error as KeyRing.Malformed: self = .internal(cause: error.message)
    default: self = .internal(cause: "\(error)")
    }
  }
}
