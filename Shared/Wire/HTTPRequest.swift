public import Endpoint
public import Values

/// A request as it comes from a gateway (or by plain CGI).
public struct HTTPRequest {
  /// Reads a CGI variable. Source: RFC 3875 §4.1.
  public typealias Variables = (StaticString) -> String?

  /// The largest message in bytes: a body without gRPC's prefix.
  public static let maximumMessageBytes = 1_048_576

  /// The method, such as `GET`. A `HEAD` is answered like a `GET`, and the gateway drops the body.
  public let method: String
  /// The path, decoded, without the query.
  public let path: String
  /// The query as sent, without the question mark.
  public let query: String
  /// The body as received.
  public let body: [UInt8]
  private let variables: Variables

  /// A request from its CGI variables and its body.
  public init(variables: @escaping Variables, body: [UInt8]) {
    self.variables = variables
    self.body = body
    let method = variables("REQUEST_METHOD") ?? ""
    self.method = method == "HEAD" ? "GET" : method
    path = variables("DOCUMENT_URI") ?? variables("PATH_INFO") ?? ""
    query = variables("QUERY_STRING") ?? ""
  }

  /// The value of `Authorization`.
  public var authorization: String? { nonEmpty("HTTP_AUTHORIZATION") }

  /// The request's id, made or checked by the gateway.
  public var id: String { variables("REQUEST_ID") ?? "" }

  /// The service whose port received the request; `nil` on the gateway's port.
  public var service: String? { nonEmpty("SERVICE") }

  /// The questions that the gateway asks before it lets a request pass.
  enum Check: String {
    /// Is the token valid? 300 leads on to the next question.
    case token
    /// Is the session alive? 303 lets the request pass.
    case session
  }

  /// The gateway's own question; `nil` for a client's request, which cannot set this variable.
  var check: Check? { nonEmpty("SESSION_CHECK").flatMap(Check.init) }

  /// The reason why the gateway's session check refused the token of a request that it let pass, since the function is
  /// open to anyone. A client cannot set this variable.
  public var sessionRefusal: Problem.Code? {
    nonEmpty("SESSION_REFUSAL").map { Problem.Code(rawValue: $0) ?? .tokenInvalid }
  }

  /// Whether this is a gRPC call. Only the gateway can say so, not a client.
  public var isRPC: Bool { nonEmpty("RPC") != nil }

  /// The caller's trace context, valid or not.
  public var traceParent: String? { nonEmpty("HTTP_TRACEPARENT") }

  /// The compression of the messages.
  var messageEncoding: String { nonEmpty("HTTP_GRPC_ENCODING") ?? "identity" }

  /// The time that the caller still waits at `now`, in microseconds: 0 when it has given up, `nil` when it does not
  /// say. The gateway tells when it passed the call on, and how long it had kept the call by then.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`.
  public func patienceMicroseconds(at now: Instant) throws -> Int64? {
    guard let timeout = nonEmpty("HTTP_GRPC_TIMEOUT") else { return nil }
    var left = try RPCTimeout.microseconds(timeout)
    if let had = nonEmpty("GATEWAY_SECONDS").flatMap(Double.init) { left -= Int64(had * 1e6) }
    if let handedOver = nonEmpty("GATEWAY_TIME").flatMap(Double.init) {
      left -= max(0, now.microseconds - Int64(handedOver * 1e6))
    }
    return max(0, left)
  }

  var contentType: String? { nonEmpty("CONTENT_TYPE") }
  var contentEncoding: String? { nonEmpty("HTTP_CONTENT_ENCODING") }
  var ifMatch: String? { variables("HTTP_IF_MATCH") }
  var ifNoneMatch: String? { nonEmpty("HTTP_IF_NONE_MATCH") }

  private func nonEmpty(_ name: StaticString) -> String? {
    guard let value = variables(name), !value.isEmpty else { return nil }
    return value
  }
}

extension HTTPRequest {
  /// The token of `Authorization: Bearer …`; `nil` without the header. Source: RFC 6750 §2.1.
  ///
  /// - Throws: `Problem` `UNAUTHENTICATED` for another scheme, or none of a token: none was refused.
  public func bearerToken() throws -> String? {
    guard let authorization else { return nil }
    let space = UInt8(ascii: " ")
    let bytes = authorization.utf8
    let scheme = bytes.prefix { $0 != space }
    let token = bytes[scheme.endIndex...].drop { $0 == space }
    guard scheme.count == 6, Substring(scheme).lowercased() == "bearer", !token.isEmpty else {
      throw Problem(.unauthenticated, "the Authorization header must be \"Bearer\" and a token")
    }
    return String(Substring(token))
  }
}

extension HTTPRequest {
  /// The version that `If-Match` names: a single entity tag in the form of `ETag`. `*` names any version. A weak
  /// tag is accepted, too, though RFC 9110 §13.1.1 says otherwise: the gateway makes the tag of a compressed
  /// reply weak, but it names the same version.
  func expectedVersion(_ violations: inout Violations) -> Int64? {
    guard var ifMatch, ifMatch != "*" else { return nil }
    if ifMatch.hasPrefix("W/") { ifMatch.removeFirst(2) }
    guard ifMatch.hasPrefix("\""), ifMatch.hasSuffix("\""), ifMatch.utf8.count > 2,
      let version = Int64(ifMatch.dropFirst().dropLast())
    else {
      violations.add("If-Match", "must be one version in quotes, as ETag gives it")
      return nil
    }
    return version
  }
}
