public import API
public import Endpoint
public import Resilience
public import Values

/// Calls the gRPC methods of another service: within a deadline, again when that is safe and may help,
/// and not at all while the service is known to be down.
public struct ServiceClient {
  /// Makes the token that this service shows to the others.
  public typealias TokenMaker = (_ now: Instant) throws -> String

  private let transport: any Transport
  private let breaker: CircuitBreaker
  private let token: TokenMaker
  private let pause: (_ microseconds: UInt32) -> Void

  /// A client over a transport.
  public init(
    transport: any Transport,
    breaker: CircuitBreaker,
    token: @escaping TokenMaker,
    pause: @escaping (_ microseconds: UInt32) -> Void = Retry.sleep
  ) {
    self.transport = transport
    self.breaker = breaker
    self.token = token
    self.pause = pause
  }

  /// A client of the service that the access leads to; `nil` when it is not to be called.
  public init?(_ access: ServiceAccess) {
    guard let url = access.url else { return nil }
    self.init(
      transport: CurlTransport(url: url),
      breaker: CircuitBreaker(path: access.breakerFile),
      token: access.token
    )
  }

  /// Makes a call for a caller that has time: beyond the gateway's rate limit there is room again a moment later.
  ///
  /// - Throws: what `body` throws.
  public static func patiently<T>(
    pause: (_ microseconds: UInt32) -> Void = Retry.sleep,
    _ body: () throws -> T
  ) throws -> T {
    try Retry.rateLimit.run(
      sleep: pause,
      while: { ($0 as? CallFailure)?.status == .resourceExhausted },
      operation: body
    )
  }

  /// Calls a method such as `user.v1.UserService/GetUser`.
  ///
  /// `isRepeatable` is whether a call that may have been carried out can be made again.
  /// - Throws: `CallFailure`; what making the token throws.
  public func call<Request: Message, Response: Message>(
    _ rpc: String,
    _ request: Request,
    in context: Context,
    withinMilliseconds: Int,
    isRepeatable: Bool
  ) throws -> Response {
    let ownDeadline = Deadline(millisecondsFromNow: withinMilliseconds)
    let deadline = min(context.deadline, ownDeadline)
    guard breaker.admits(at: context.now) else {
      throw CallFailure(.unavailable, "not asked: the circuit is open")
    }
    do {
      let response: Response = try attempt(rpc, request, context, deadline, isRepeatable)
      breaker.record(success: true, at: context.now)
      return response
    } catch let failure as CallFailure {
      // A caller that had hardly any time left has learnt nothing about the service.
      let isHaste = failure.status == .deadlineExceeded && deadline < ownDeadline
      if !isHaste, !failure.isAboutTheCaller {
        breaker.record(success: !failure.isOutage, at: context.now)
      }
      throw failure
    }
  }

  private func attempt<Request: Message, Response: Message>(
    _ rpc: String,
    _ request: Request,
    _ context: Context,
    _ deadline: Deadline,
    _ isRepeatable: Bool
  ) throws -> Response {
    let message: [UInt8] = try request.serializedBytes()
    var metadata = [
      ("authorization", "Bearer " + (try token(context.now))),
      ("x-request-id", context.trace.requestID),
    ]
    if let parent = context.trace.parent { metadata.append(("traceparent", parent)) }
    let answer = try Retry.call.run(
      before: deadline,
      sleep: pause,
      while: { isRepeatable && ($0 as? CallFailure)?.status == .unavailable },
      operation: {
        try transport.call(rpc, message: message, metadata: metadata, deadline: deadline)
      }
    )
    guard let response = try? Response(serializedBytes: answer) else {
      throw CallFailure(.internal, "the answer is not a \(Response.protoMessageName)")
    }
    return response
  }
}
