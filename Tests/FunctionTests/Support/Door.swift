import API
import Endpoint
import JSON
import PostgreSQL
import Testing
import Values
import Wire

@testable import Serving

/// A function that can be called by both of its doors: with a message, or as a REST request.
struct Door<F: Function> where F.Request: RequestMessage, F.Response: ResponseMessage {
  let function: F
  let resources: Resources

  init(_ function: F, _ resources: Resources) {
    self.function = function
    self.resources = resources
  }

  /// Calls the function with a message.
  @discardableResult
  func callAsFunction(_ request: F.Request, as caller: Caller = .unknown) throws -> F.Response {
    resources.database.deadline = Deadline(millisecondsFromNow: 4000)
    return try function.respond(to: request, in: Context(now: resources.now, caller: caller))
  }

  /// As a call that should fail: the problem that a client would see; `nil` when it succeeds.
  func refusal(_ request: F.Request, as caller: Caller = .unknown) -> Problem? {
    do {
      try self(request, as: caller)
      return nil
    } catch {
      return Problem(any: error)
    }
  }

  /// Sends a REST request, `path` with its query if there is one.
  ///
  /// An answer that is not a success must be in the error shape, with the status of its code.
  func rest(
    _ method: String,
    _ path: String,
    json: String? = nil,
    token: String? = nil,
    headers: [String: String] = [:],
    authorizations: Int? = nil,
    isTooLarge: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Answer {
    let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init
    )
    var variables = [
      "REQUEST_METHOD": method, "DOCUMENT_URI": parts[0],
      "QUERY_STRING": parts.count > 1 ? parts[1] : "",
      "REQUEST_ID": "r-1",
    ]
    if json != nil { variables["CONTENT_TYPE"] = "application/json" }
    if let token { variables["HTTP_AUTHORIZATION"] = "Bearer \(token)" }
    variables.merge(headers) { $1 }
    let request = HTTPRequest(
      variables: { variables[$0.description] },
      body: Array((json ?? "").utf8)
    )
    let reply = try Invocation(function, resources: resources).respond(
      to: request,
      authorizations: authorizations ?? (variables["HTTP_AUTHORIZATION"] == nil ? 0 : 1),
      isTooLarge: isTooLarge
    )
    let answer = try Answer(reply)
    if answer.status >= 400, variables["SESSION_CHECK"] == nil {
      let code = answer.text("code").flatMap(Problem.Code.init(rawValue:))
      #expect(code?.httpStatus == answer.status, sourceLocation: sourceLocation)
      #expect(answer.text("error")?.isEmpty == false, sourceLocation: sourceLocation)
    }
    return answer
  }
}

/// A REST answer, taken apart.
struct Answer {
  let status: Int
  let headers: [String: String]
  /// The body's members; empty without a body.
  let object: JSONObject
  let body: String

  init(_ reply: HTTPReply) throws {
    status = reply.status
    headers = Dictionary(reply.headers.map { ($0.name, $0.value) }) { $0 + ", " + $1 }
    body = String(decoding: reply.body, as: UTF8.self)
    if !reply.body.isEmpty, case .object(let object) = try JSONValue(parsing: reply.body) {
      self.object = object
    } else {
      object = JSONObject()
    }
  }

  /// A member of the body.
  subscript(name: String) -> JSONValue? { object[name] }

  /// A member that is a string.
  func text(_ name: String) -> String? { object[name]?.string }

  /// The names of the body's members, in order.
  var names: [String] { object.members.map(\.name) }

  /// The code of an error.
  var code: Problem.Code? { text("code").flatMap(Problem.Code.init(rawValue:)) }

  /// The fields that an error blames, each with the reason.
  var details: [String: String] { Answer.texts(object["details"]) }

  /// The members of an array that are objects.
  func objects(_ name: String) -> [JSONObject] {
    guard case .array(let elements)? = object[name] else { return [] }
    return elements.compactMap { if case .object(let object) = $0 { object } else { nil } }
  }

  /// The members of a member that is an object of strings.
  static func texts(_ value: JSONValue?) -> [String: String] {
    guard case .object(let object)? = value else { return [:] }
    return Dictionary(uniqueKeysWithValues: object.members.map { ($0.name, $0.value.string ?? "") })
  }
}
