import Contract
import JSON

/// The answers of each operation: its success and every refusal.
extension Document {
  func responses(_ function: FunctionDescription, _ method: String) -> JSONValue {
    var responses: [(name: String, value: JSONValue)] = [success(function, method)]
    if function.creates != nil, schemas.message(function.response).pendingUnless != nil {
      responses.append(
        ("202", success(function, method, "It is recorded and will be done.").value)
      )
    }
    if method == "GET", isResource(function.response) {
      responses.append(
        (
          "304",
          [
            "description": "It is still at the version of If-None-Match.",
            "headers": Self.references(["X-Request-Id", "ETag"]),
          ]
        )
      )
    }
    for (status, refusals) in refusals(function, method) {
      let name = Self.name(of: status, refusals)
      responses.append(("\(status)", ["$ref": "#/components/responses/\(name)"]))
    }
    return .object(JSONObject(responses))
  }

  func success(_ function: FunctionDescription, _ method: String, _ text: String? = nil) -> (
    name: String, value: JSONValue
  ) {
    let type = function.response
    if type == "google.protobuf.Empty" {
      return ("204", ["description": "Done.", "headers": Self.references(["X-Request-Id"])])
    }
    var headers = ["X-Request-Id"]
    if isResource(type) { headers.append("ETag") }
    if function.creates != nil { headers.append("Location") }
    let isList = schemas.message(type).field("next_page_token") != nil
    if isList { headers.append("Link") }
    var members: [(name: String, value: JSONValue)] = [
      (
        "description",
        .string(text ?? (function.creates != nil ? "It has been created." : "The answer."))
      ),
      ("headers", Self.references(headers)),
      (
        "content",
        [
          "application/json": [
            "schema": ["$ref": "#/components/schemas/\(schemas.name(of: type))"],
            "example": schemas.example(type, isAnswer: true),
          ]
        ]
      ),
    ]
    if function.creates != nil { members.append(("links", links(to: schemas.name(of: type)))) }
    return (function.creates != nil ? "201" : "200", .object(JSONObject(members)))
  }

  /// The operations that a new resource leads to.
  func links(to resource: String) -> JSONValue {
    let methods = ["Get", "Update", "Delete"].filter { operationID(ofRPC: $0 + resource) }
    return .object(
      JSONObject(
        methods.map { method in
          (
            method.lowercased(),
            [
              "operationId": .string(method.lowercased() + resource),
              "parameters": ["id": "$response.body#/id"],
            ]
          )
        }
      )
    )
  }

  /// The codes of an operation, by their status.
  func refusals(_ function: FunctionDescription, _ method: String) -> [(
    status: Int, refusals: [Answer]
  )] {
    let own = function.problems.filter { refusal in
      switch refusal.code {
      // These belong to gRPC, or to a body.
      case "MALFORMED_MESSAGE": false
      case "MALFORMED_JSON", "UNSUPPORTED_MEDIA_TYPE", "UNSUPPORTED_ENCODING":
        Self.hasBody(function, method)
      default: true
      }
    }
    var all = own + registry.gatewayAnswers
    // A line break in the place of an id leads nowhere.
    if function.path.contains("{"), !own.contains(where: { $0.code == "NOT_FOUND" }) {
      all += registry.answers.filter { $0.code == "NOT_FOUND" }
    }
    return Set(all.map(\.http)).sorted().map { status in
      (status, all.filter { $0.http == status })
    }
  }

  /// The refusals that every operation has, by their status.
  var commonRefusals: [(status: Int, refusals: [Answer])] {
    let all = functions.flatMap { function in
      function.methods.map { refusals(function, $0) }
    }
    return (all.first ?? []).filter { common in
      all.allSatisfy { $0.contains { $0 == common } }
    }
  }

  static func name(of status: Int, _ refusals: [Answer]) -> String {
    (["\(status)"] + refusals.map(\.code)).joined(separator: ".")
  }

  static func response(
    _ status: Int,
    _ refusals: [Answer]
  ) -> JSONValue {
    var headers = ["X-Request-Id"]
    if status == 401 { headers.append("WWW-Authenticate") }
    if [429, 503, 504].contains(status) { headers.append("Retry-After") }
    let examples = refusals.map { refusal -> (name: String, value: JSONValue) in
      (refusal.code, ["value": ["error": .string(refusal.message), "code": .string(refusal.code)]])
    }
    return [
      "description": .string(
        refusals.map { "`\($0.code)`: \($0.meaning)." }.joined(separator: " ")
      ),
      "headers": references(headers),
      "content": [
        "application/json": [
          // Nothing but a reference: of anything else, generators of clients make a type for each response.
          "schema": ["$ref": "#/components/schemas/Error"],
          "examples": .object(JSONObject(examples)),
        ]
      ],
    ]
  }

  /// Every set of codes that some operation has under one status.
  var errorResponses: JSONValue {
    var responses: [String: JSONValue] = [:]
    for function in functions {
      for method in function.methods {
        for (status, refusals) in refusals(function, method) {
          responses[Self.name(of: status, refusals)] = Self.response(status, refusals)
        }
      }
    }
    return .object(JSONObject(responses.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
  }

  static func references(_ names: [String]) -> JSONValue {
    .object(JSONObject(names.map { ($0, ["$ref": "#/components/headers/\($0)"]) }))
  }

  static let headers: JSONValue = [
    "X-Request-Id": [
      "description": "The request's id: the caller's own, if it sent a valid one.",
      "schema": ["type": "string"], "required": true,
    ],
    "ETag": [
      "description": "The resource's version.", "schema": ["type": "string"], "required": true,
    ],
    "Location": [
      "description": "The resource's path.", "schema": ["type": "string"], "required": true,
    ],
    "Link": [
      "description": "The next page, with `rel=\"next\"`; not on the last one.",
      "schema": ["type": "string"],
    ],
    "WWW-Authenticate": [
      "description": "How to sign in.", "schema": ["type": "string"], "required": true,
    ],
    "Retry-After": [
      "description": "The number of seconds after which to try again.",
      "schema": ["type": "integer"],
      "required": true,
    ],
  ]
}
