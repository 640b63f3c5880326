import API
public import Endpoint
import JSON
public import Runtime
import Telemetry
import Values
public import Wire

/// A function with everything that it needs to answer requests by REST and by gRPC.
public struct Invocation<F: Function> where F.Request: RequestMessage, F.Response: ResponseMessage {
  private let function: F
  let resources: Resources
  private let tokens: SessionTokens?
  private let deadlineMilliseconds: Int
  private let route = F.contract.route
  private let access = F.contract.access

  /// A function ready to be called.
  ///
  /// - Throws: `Settings.Invalid`.
  public init(_ function: F, resources: Resources) throws {
    self.function = function
    self.resources = resources
    tokens = F.contract.access == .anyone ? nil : try resources.tokens
    deadlineMilliseconds = try resources.settings[.deadlineMilliseconds]
  }

  /// Answers a REST request or a gRPC call in CGI's form.
  ///
  /// `authorizations` is the number of `Authorization` headers. `isTooLarge` tells that the body was larger than
  /// allowed, and therefore not read.
  func answer(_ request: HTTPRequest, authorizations: Int, isTooLarge: Bool) -> [UInt8] {
    if request.isRPC {
      return respond(toRPC: request, authorizations: authorizations, isTooLarge: isTooLarge)
        .cgiBytes
    }
    if request.method == Self.probeMethod { return probeReply }
    return respond(to: request, authorizations: authorizations, isTooLarge: isTooLarge).cgiBytes
  }

  /// Answers a REST request and writes its line to the log.
  public func respond(
    to request: HTTPRequest,
    authorizations: Int,
    isTooLarge: Bool = false
  ) -> HTTPReply {
    respond(
      to: request,
      authorizations: authorizations,
      isTooLarge: isTooLarge,
      deadline: { _ in usualDeadline },
      messages: { [try RESTDecoder.decode(request, route: route, as: F.Request.self)] },
      success: { HTTPReply($0[0], to: request, route: route) },
      failure: { HTTPReply($0, allowing: route.methods, readsToken: access != .anyone) },
      record: { reply, line in
        line.member("method", request.method)
        line.member("status", reply.status)
      }
    )
  }

  /// Answers a gRPC call and writes its line to the log.
  ///
  /// A success is logged only if `logsSuccess`.
  public func respond(
    toRPC request: HTTPRequest,
    authorizations: Int,
    isTooLarge: Bool = false,
    logsSuccess: Bool = true
  ) -> RPCReply {
    respond(
      to: request,
      authorizations: authorizations,
      isTooLarge: isTooLarge,
      deadline: { try deadline(of: request, at: $0) },
      messages: { try RPCDecoder.decode(request, route: route, as: F.Request.self) },
      success: { try RPCReply($0) },
      failure: { RPCReply($0) },
      logsSuccess: logsSuccess,
      record: { reply, line in
        line.member("rpc", route.rpc)
        line.member("grpc_status", reply.status.rawValue)
      }
    )
  }

  private func respond<Reply>(
    to request: HTTPRequest,
    authorizations: Int,
    isTooLarge: Bool,
    deadline: (Instant) throws -> Deadline,
    messages: () throws -> [Decoded<F.Request>],
    success: ([F.Response]) throws -> Reply,
    failure: (Problem) -> Reply,
    logsSuccess: Bool = true,
    record: (Reply, inout JSONWriter) -> Void
  ) -> Reply {
    let start = Clock.monotonicMicroseconds()
    let now = resources.now
    let trace = Trace(requestID: request.id, parent: request.traceParent)
    var caller = Caller.unknown
    // A deadline that has already passed can only be the caller's.
    var isHurried = true
    let reply: Reply
    var problem: Problem?
    do {
      if isTooLarge || !request.isRPC && request.body.count > HTTPRequest.maximumMessageBytes {
        throw Problem(.payloadTooLarge)
      }
      let usual = usualDeadline
      let deadline = try deadline(now)
      isHurried = deadline < usual
      let refusal: Problem.Code?
      (caller, refusal) = try identify(request, authorizations, at: now)
      let context = Context(
        now: now,
        caller: caller,
        refusal: refusal,
        trace: trace,
        deadline: deadline,
        service: request.service
      )
      reply = try success(messages().map { try call($0, context) })
    } catch {
      let found = Problem(any: error)
      reply = failure(found)
      problem = found
    }
    guard logsSuccess || problem != nil else { return reply }
    let duration = Clock.monotonicMicroseconds() - start
    log(trace, caller, problem, isHurried, duration, now) { record(reply, &$0) }
    return reply
  }

  /// The deadline of a request that begins now.
  var usualDeadline: Deadline { Deadline(millisecondsFromNow: deadlineMilliseconds) }

  /// The deadline of a gRPC call: the caller's own, but no later than the usual one.
  ///
  /// - Throws: `Problem` `DEADLINE_EXCEEDED` when it has passed, `INVALID_ARGUMENT`.
  private func deadline(of request: HTTPRequest, at now: Instant) throws -> Deadline {
    guard let microseconds = try request.patienceMicroseconds(at: now) else {
      return usualDeadline
    }
    guard microseconds > 0 else {
      throw Problem.deadlineExceeded(cause: "the caller's grpc-timeout passed before its turn came")
    }
    let milliseconds = min(Int64(deadlineMilliseconds), max(1, microseconds / 1000))
    return Deadline(millisecondsFromNow: Int(milliseconds))
  }

  /// Identifies the caller, and refuses one who may not call. Where the caller may be anyone, a token that is not valid
  /// is as good as none, and the reason is returned.
  ///
  /// - Throws: `Problem` `UNAUTHENTICATED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `PERMISSION_DENIED`.
  private func identify(
    _ request: HTTPRequest,
    _ authorizations: Int,
    at now: Instant
  ) throws -> (Caller, refusal: Problem.Code?) {
    guard let tokens else { return (.unknown, nil) }
    if case .anyoneKnownOrNot = access {
      do {
        if let refusal = request.sessionRefusal { throw Problem(refusal) }
        return (try caller(of: request, authorizations, tokens, at: now), nil)
      } catch let problem as Problem where problem.code.httpStatus == 401 {
        // Without a token, none was refused.
        return (.unknown, problem.code == .unauthenticated ? nil : problem.code)
      }
    }
    let caller = try self.caller(of: request, authorizations, tokens, at: now)
    try access.check(caller)
    return (caller, nil)
  }

  /// The caller whom the request's token names.
  ///
  /// - Throws: `Problem` `UNAUTHENTICATED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`.
  @inline(__always)
  private func caller(
    of request: HTTPRequest,
    _ authorizations: Int,
    _ tokens: SessionTokens,
    at now: Instant
  ) throws -> Caller {
    guard authorizations <= 1 else {
      throw Problem(.tokenInvalid, "there must be only one Authorization header")
    }
    guard let token = try request.bearerToken() else { throw Problem(.unauthenticated) }
    return try tokens.caller(of: token, at: now)
  }

  /// Calls the function with a message. If fields of the message are already known to be wrong, the function only
  /// checks the others, and one answer names them all.
  ///
  /// - Throws: `Problem`, or any other error.
  public func call(
    _ decoded: Decoded<F.Request>,
    _ context: Context
  ) throws -> F.Response {
    guard decoded.violations.isEmpty else {
      var violations = decoded.violations
      do {
        _ = try function.input(from: decoded.message, in: context)
      } catch {
        // Any other problem comes up again when the fields are right.
        let fields = (error as? Problem)?.wrongFields ?? [:]
        for (field, reason) in fields { violations.add(field, reason) }
      }
      throw violations.problem
    }
    return try function.respond(to: function.input(from: decoded.message, in: context), in: context)
  }

  private func log(
    _ trace: Trace,
    _ caller: Caller,
    _ problem: Problem?,
    _ isHurried: Bool,
    _ duration: Int64,
    _ now: Instant,
    _ outcome: (inout JSONWriter) -> Void
  ) {
    // A caller who waits less long than we may take has only their own deadline to blame.
    let isTheirs = isHurried && problem?.code == .deadlineExceeded
    let isOurs = !isTheirs && problem.map { $0.code.httpStatus >= 500 } ?? false
    resources.log.write(isOurs ? .error : .info, at: now) { line in
      line.member("request_id", trace.requestID)
      if let traceID = trace.id {
        line.member("trace_id", String(traceID))
      }
      outcome(&line)
      line.name("duration_ms")
      line.value(milliseconds: duration)
      line.member("user_id", caller.userID.text.isEmpty ? nil : caller.userID.text)
      guard let problem else { return }
      line.member("error", problem.code.rawValue)
      if let cause = problem.cause {
        line.member("cause", cause)
      }
    }
  }
}

extension Access {
  /// - Throws: `Problem` `PERMISSION_DENIED`.
  func check(_ caller: Caller) throws {
    if case .roles(let roles) = self, !roles.contains(caller.role) {
      throw Problem(.permissionDenied)
    }
  }
}
