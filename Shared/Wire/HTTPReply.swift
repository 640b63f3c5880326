import API
public import Endpoint
import JSON

/// A REST answer.
public struct HTTPReply {
  /// The HTTP status.
  public let status: Int
  /// The header lines that are not about the body.
  public private(set) var headers: [(name: String, value: String)]
  /// The body, which is JSON or empty.
  public let body: [UInt8]

  private init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The answer for a message: 200, 201 or 202 with `Location`, 204, or 304 with `ETag`.
  public init<M: ResponseMessage>(_ message: M, to request: HTTPRequest, route: Route) {
    if let verdict = message.verdict, let check = request.check {
      self.init(verdict, to: check)
      return
    }
    guard M.hasContent else {
      self.init(status: 204)
      return
    }
    var headers: [(name: String, value: String)] = []
    if let version = message.entityVersion {
      let tag = "\"\(version)\""
      headers.append(("ETag", tag))
      if request.method == "GET", let given = request.ifNoneMatch, Self.matches(given, tag) {
        self.init(status: 304, headers: headers)
        return
      }
    }
    if let creates = route.creates {
      let prefix = creates.prefix { $0 != "{" }
      headers.append(("Location", prefix + message.entityID))
    }
    if !message.followingPageToken.isEmpty {
      headers.append(("Link", Self.link(to: message.followingPageToken, from: request)))
    }
    var json = JSONWriter(capacity: 2048)
    message.write(to: &json)
    let created = message.isPending ? 202 : 201
    self.init(status: route.creates == nil ? 200 : created, headers: headers, body: json.bytes)
  }

  /// The answer for a problem, in the form that all errors have.
  ///
  /// `readsToken` tells whether the function reads the access token of a request, and may have refused it.
  public init(_ problem: Problem, allowing methods: [Route.Method] = [], readsToken: Bool = true) {
    let status = problem.code.httpStatus
    var headers: [(name: String, value: String)] = []
    switch status {
    case 401:
      headers.append(
        ("WWW-Authenticate", Self.challenge(readsToken ? problem.code : .unauthenticated))
      )
    case 405: headers.append(("Allow", methods.map(\.rawValue).joined(separator: ", ")))
    case 415: headers += Self.understood(instead: problem.code, methods)
    case 429, 502, 503, 504: headers.append(("Retry-After", "1"))
    default: break
    }
    var json = JSONWriter()
    problem.write(to: &json)
    self.init(status: status, headers: headers, body: json.bytes)
  }

  /// The permission to go on, or 401 with the code that the gateway puts into its own answer.
  private init(_ verdict: TokenVerdict, to check: HTTPRequest.Check) {
    switch verdict {
    case .valid: self.init(status: check == .token ? 300 : 303)
    case .refused(let code):
      self.init(
        status: 401,
        headers: [("X-Refusal", code.rawValue), ("WWW-Authenticate", Self.challenge(code))]
      )
    }
  }

  /// The challenge, with an error only where an access token was refused: a client may sign its user out for that.
  /// Source: RFC 6750 §3.
  private static func challenge(_ code: Problem.Code) -> String {
    switch code {
    case .tokenInvalid, .tokenExpired, .sessionRevoked:
      "Bearer realm=\"task-management\", error=\"invalid_token\""
    default: "Bearer realm=\"task-management\""
    }
  }

  /// The bodies that would be understood. Source: RFC 9110 §12.5.1 and §12.5.3, RFC 5789 §2.2.
  private static func understood(
    instead code: Problem.Code,
    _ methods: [Route.Method]
  ) -> [(name: String, value: String)] {
    if code == .unsupportedEncoding { return [("Accept-Encoding", "identity")] }
    return [("Accept", "application/json")]
      + (methods.contains(.patch)
        ? [("Accept-Patch", "application/merge-patch+json, application/json")] : [])
  }

  /// Tells whether a list of entity tags contains this one. Source: RFC 9110 §13.1.2 (weak comparison).
  private static func matches(_ list: String, _ tag: String) -> Bool {
    list.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }).contains {
      $0 == "*" || $0 == tag || $0 == "W/" + tag
    }
  }

  /// Source: RFC 8288 §3.
  private static func link(to pageToken: String, from request: HTTPRequest) -> String {
    let kept = request.query.utf8.split(separator: UInt8(ascii: "&")).filter { pair in
      PercentEncoding.decode(pair.prefix { $0 != UInt8(ascii: "=") }) != "page_token"
    }
    let query = kept.map { PercentEncoding.encode($0) } + ["page_token=\(pageToken)"]
    // Text from a client goes into a header: when encoded, it can end neither the line nor the link.
    return
      "<\(PercentEncoding.encode(request.path.utf8))?\(query.joined(separator: "&"))>; rel=\"next\""
  }

  /// Source: RFC 9110 §15.
  private static func statusLine(_ status: Int) -> String {
    let reason =
      switch status {
      case 200: "OK"
      case 201: "Created"
      case 202: "Accepted"
      case 204: "No Content"
      case 300: "Multiple Choices"
      case 303: "See Other"
      case 304: "Not Modified"
      case 400: "Bad Request"
      case 401: "Unauthorized"
      case 403: "Forbidden"
      case 404: "Not Found"
      case 405: "Method Not Allowed"
      case 409: "Conflict"
      case 412: "Precondition Failed"
      case 413: "Content Too Large"
      case 414: "URI Too Long"
      case 415: "Unsupported Media Type"
      case 429: "Too Many Requests"
      case 431: "Request Header Fields Too Large"
      case 503: "Service Unavailable"
      case 504: "Gateway Timeout"
      default: "Internal Server Error"
      }
    return "\(status) \(reason)"
  }

  /// The answer in CGI's form.
  public var cgiBytes: [UInt8] {
    CGIReply.bytes(
      status: Self.statusLine(status),
      contentType: body.isEmpty ? nil : "application/json",
      length: status == 204 || status == 304 ? nil : body.count,
      headers: headers,
      body: body
    )
  }
}
