import API
public import Endpoint
import JSON
import Values

/// Reads a REST request into its message.
public enum RESTDecoder {
  private static let maximumQueryFields = 100

  /// Reads a request that a route leads to.
  ///
  /// - Throws: `Problem` `NOT_FOUND`, `METHOD_NOT_ALLOWED`, `UNSUPPORTED_MEDIA_TYPE`, `UNSUPPORTED_ENCODING`,
  ///   `MALFORMED_JSON`, or `INVALID_ARGUMENT` for a body where there must be none.
  public static func decode<Request: RequestMessage>(
    _ request: HTTPRequest,
    route: Route,
    as type: Request.Type = Request.self
  ) throws -> Decoded<Request> {
    guard let parameters = route.match(request.path) else {
      throw Problem(.notFound)
    }
    guard route.methods.contains(where: { $0.rawValue == request.method })
    else {
      throw Problem(.methodNotAllowed)
    }
    var fields = Fields(mode: request.method == "PATCH" ? .partial : .whole)
    if route.readsBody, let body = try body(of: request) { fields.add(body) }
    for parameter in parameters { fields.add(parameter.name, text: parameter.value) }
    try addQuery(of: request, to: &fields)
    var message = Request(&fields)
    fields.finish()
    message.readOutside(request, &fields.violations)
    return (message, fields.violations)
  }

  /// Reads a message from one JSON object that has all of its fields.
  ///
  /// - Throws: `Problem` `MALFORMED_JSON`.
  public static func decode<Request: RequestMessage>(
    json bytes: [UInt8],
    as type: Request.Type = Request.self
  ) throws -> Decoded<Request> {
    var fields = Fields(mode: .message)
    fields.add(try object(bytes))
    let message = Request(&fields)
    fields.finish()
    return (message, fields.violations)
  }

  private static func body(of request: HTTPRequest) throws -> JSONObject? {
    switch request.method {
    case "GET", "DELETE":
      guard request.body.isEmpty else {
        throw Problem(.invalidArgument, "a \(request.method) request must have no body")
      }
      return nil
    default:
      guard let type = request.contentType.map(ContentType.init), type.isJSON(of: request.method)
      else { throw Problem(.unsupportedMediaType) }
      guard type.isUTF8 else {
        throw Problem(
          .unsupportedMediaType,
          "the body must be in UTF-8: Content-Type: \(type.name); charset=utf-8"
        )
      }
      if let coding = request.contentEncoding, !isIdentity(coding) {
        throw Problem(
          .unsupportedEncoding,
          "bodies compressed with \(coding.excerpt()) are not understood: send them uncompressed"
        )
      }
      return try object(request.body)
    }
  }

  /// Whether a list of codings has none that changes the body. Source: RFC 9110 §8.4.
  private static func isIdentity(_ codings: String) -> Bool {
    codings.split { $0 == "," || $0 == " " || $0 == "\t" }.allSatisfy {
      $0.lowercased() == "identity"
    }
  }

  private static func object(_ bytes: [UInt8]) throws -> JSONObject {
    do {
      let value = try JSONValue(parsing: bytes)
      guard case .object(let object) = value else {
        throw Problem(.malformedJSON, "the body must be a JSON object, not \(value.kind)")
      }
      return object
    } catch let error as JSONError {
      let place = "line \(error.line), column \(error.column)"
      throw Problem(
        .malformedJSON,
        "the body is not valid JSON: \(error.reason) at \(place)",
        details: [
          "line": "\(error.line)", "column": "\(error.column)", "offset": "\(error.offset)",
        ]
      )
    }
  }

  /// Only a GET has fields in its query: data that changes something or is secret does not belong in a URL.
  /// Source: WHATWG URL §5.1 (application/x-www-form-urlencoded), but strict.
  private static func addQuery(of request: HTTPRequest, to fields: inout Fields) throws {
    let pairs = request.query.utf8.split(separator: UInt8(ascii: "&"))
    guard pairs.count <= maximumQueryFields else {
      throw Problem(.invalidArgument, "the query must have at most \(maximumQueryFields) fields")
    }
    for pair in pairs {
      let parts = pair.split(
        separator: UInt8(ascii: "="),
        maxSplits: 1,
        omittingEmptySubsequences: false
      )
      guard let name = PercentEncoding.decode(parts[0]),
        let value = parts.count == 2 ? PercentEncoding.decode(parts[1]) : ""
      else {
        let name = String(decoding: parts[0].prefix(64), as: UTF8.self)
        fields.violations.add(name, "is not valid percent-encoded UTF-8 without U+0000")
        continue
      }
      if request.method == "GET" {
        fields.add(name, text: value)
      } else {
        fields.violations.add(name.excerpt(), "must stand in the body, not in the query")
      }
    }
  }
}
