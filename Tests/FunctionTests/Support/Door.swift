import API
import Endpoint
import Foundation
import JSON
import PostgreSQL
import Runtime
import Testing
import Values
import Wire

@testable import Serving

/// A function that can be called in three ways: with a message, as a REST request, or as a gRPC call.
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
    let context = Context(now: resources.now, caller: caller, deadline: .soon)
    return try function.respond(to: function.input(from: request, in: context), in: context)
  }

  /// Makes a call that should fail, and returns the problem that a client would see; `nil` if it succeeds.
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
  /// An answer that is not a success must have the error shape, and the status of its code.
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
      // Those for another path or method are not answers of this function.
      if let code, code != .notFound, code != .methodNotAllowed {
        #expect(F.contract.problems.contains(code), sourceLocation: sourceLocation)
      }
    }
    return answer
  }
}

extension Door {
  /// Makes a gRPC call with these messages, each in its frame, or with the bytes of a body.
  ///
  /// An answer that is not a success must be one of the problems that the function declares.
  func rpc(
    _ messages: [F.Request] = [],
    body: [UInt8]? = nil,
    token: String? = nil,
    headers: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> RPCAnswer<F.Response> {
    var variables = ["REQUEST_METHOD": "POST", "RPC": F.route.rpc ?? "", "REQUEST_ID": "r-1"]
    if let token { variables["HTTP_AUTHORIZATION"] = "Bearer \(token)" }
    variables.merge(headers) { $1 }
    let frames = try messages.flatMap { message in
      let bytes: [UInt8] = try message.serializedBytes()
      return frame(bytes)
    }
    let reply = try Invocation(function, resources: resources).respond(
      toRPC: HTTPRequest(variables: { variables[$0.description] }, body: body ?? frames),
      authorizations: variables["HTTP_AUTHORIZATION"] == nil ? 0 : 1
    )
    let answer = try RPCAnswer<F.Response>(reply)
    if let code = answer.code {
      #expect(F.contract.problems.contains(code), sourceLocation: sourceLocation)
    }
    return answer
  }
}

/// A message in its gRPC frame.
func frame(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
  [flag] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: message.count >> $0) } + message
}

/// A gRPC answer, taken apart.
struct RPCAnswer<Response: ResponseMessage> {
  let status: RPCStatus
  let headers: [String: String]
  let messages: [Response]
  /// The code and the fields in the status details; nothing for a success.
  let code: Problem.Code?
  let fields: [String: String]

  init(_ reply: RPCReply) throws {
    status = reply.status
    headers = Dictionary(uniqueKeysWithValues: reply.headers.map { ($0.name, $0.value) })
    var rest = reply.body[...]
    var messages: [Response] = []
    while !rest.isEmpty {
      let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
      messages.append(try Response(serializedBytes: Array(rest.dropFirst(5).prefix(length))))
      rest = rest.dropFirst(5 + length)
    }
    self.messages = messages
    let details = try StatusDetails(base64: headers["X-Grpc-Status-Details-Bin"])
    code = details.reason.flatMap(Problem.Code.init(rawValue:))
    fields = details.fields
    #expect(status == code?.rpcStatus ?? .ok)
  }
}

/// The parts of a `google.rpc.Status` that our errors have, read by swift-protobuf's own `Any`.
struct StatusDetails {
  var reason: String?
  var fields: [String: String] = [:]

  init(base64: String?) throws {
    guard let base64 else { return }
    let padded = base64 + String(repeating: "=", count: (4 - base64.count % 4) % 4)
    guard let data = Data(base64Encoded: padded) else { return }
    for any in try Self.parts(3, of: Array(data)) {
      let content = try Google_Protobuf_Any(serializedBytes: any)
      let value = Array(content.value)
      switch content.typeURL {
      case "type.googleapis.com/google.rpc.ErrorInfo":
        reason = try Self.parts(1, of: value).first.map { String(decoding: $0, as: UTF8.self) }
      case "type.googleapis.com/google.rpc.BadRequest":
        for violation in try Self.parts(1, of: value) {
          let texts = try (1...2).map { try Self.parts($0, of: violation).first ?? [] }
            .map { String(decoding: $0, as: UTF8.self) }
          fields[texts[0]] = texts[1]
        }
      default: break
      }
    }
  }

  /// The values of a length-delimited field. The messages here are short: lengths of one or two bytes.
  private static func parts(_ field: UInt8, of bytes: [UInt8]) throws -> [[UInt8]] {
    var parts: [[UInt8]] = []
    var rest = bytes[...]
    while let key = rest.popFirst() {
      var number = 0
      var shift = 0
      while let byte = rest.popFirst() {
        number |= Int(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      guard key & 7 == 2 else { continue }
      if key >> 3 == field { parts.append(Array(rest.prefix(number))) }
      rest = rest.dropFirst(number)
    }
    return parts
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

  /// The fields that an error names, each with the reason.
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
