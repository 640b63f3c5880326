import Endpoint

/// A REST request as a gateway (or plain CGI) hands it over.
public struct HTTPRequest {
  /// Reads a CGI variable. Source: RFC 3875 §4.1.
  public typealias Variables = (StaticString) -> String?

  /// `GET` …; a `HEAD` is answered like a `GET`, the gateway drops the body.
  public let method: String
  /// Decoded, without the query.
  public let path: String
  /// As sent, without the question mark.
  public let query: String
  /// As received.
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

  /// The service whose port the request came to; `nil` on the gateway's.
  var service: String? { nonEmpty("SERVICE") }

  /// What the gateway asks for itself before it lets a request pass.
  enum Check: String {
    /// Whether the token is sound: 300 leads on to the next question.
    case token
    /// Whether the session lives: 204 lets the request pass.
    case session
  }

  /// The gateway's own question; `nil` for a client's request, which cannot set this variable.
  var check: Check? { nonEmpty("SESSION_CHECK").flatMap(Check.init) }

  var contentType: String? { nonEmpty("CONTENT_TYPE") }
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
  /// - Throws: `Problem` `TOKEN_INVALID` for another scheme.
  public func bearerToken() throws -> String? {
    guard let authorization else { return nil }
    let scheme = authorization.prefix { $0 != " " }
    let token = authorization.dropFirst(scheme.count).drop { $0 == " " }
    guard scheme.lowercased() == "bearer", !token.isEmpty else {
      throw Problem(.tokenInvalid, "the Authorization header must be \"Bearer\" and a token")
    }
    return String(token)
  }
}
