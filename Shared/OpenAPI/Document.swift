public import Contract
public import JSON

/// The description of the whole REST API, made of the contract and of what the functions say of themselves.
/// Source: OpenAPI 3.1.
public struct Document {
  /// What nginx answers itself, whatever the function.
  private static let gatewayRefusals: [FunctionDescription.Refusal] = [
    .init(code: "URI_TOO_LONG", meaning: "The path and query are too long", status: 414),
    .init(code: "HEADERS_TOO_LARGE", meaning: "The headers are too large", status: 431),
  ]

  private let functions: [FunctionDescription]
  private let schemas: Schemas

  /// A description of the functions that have a path below `/api` or `/health`.
  public init(_ functions: [FunctionDescription], contract: Contract) {
    self.functions = functions.filter {
      $0.path.hasPrefix("/api/") || $0.path.hasPrefix("/health/")
    }
    schemas = Schemas(
      contract: contract,
      messages: self.functions.flatMap { [$0.request, $0.response] }
    )
  }

  /// The document.
  public var json: JSONValue {
    [
      "openapi": "3.1.0",
      "info": [
        "title": "Task management",
        "version": "1",
        "summary": "Users, sign-in and tasks.",
        "description": .string(Self.introduction),
      ],
      "servers": [["url": "/"]],
      "tags": .array(tags),
      "paths": paths,
      "components": [
        "securitySchemes": [
          "bearer": [
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The access_token that POST /api/v1/auth/login gives.",
          ]
        ],
        "headers": Self.headers,
        "responses": errorResponses,
        "schemas": components,
      ],
    ]
  }

  private static let introduction = """
    Every error has one shape: `{"error": "what a person reads", "code": "TASK_NOT_FOUND", \
    "details": {"field": "why"}}`. Sign in with `POST /api/v1/auth/login` and send the access token as \
    `Authorization: Bearer …`. A path without the version, `/api/…`, is the same as `/api/v1/…`. The same \
    methods can be called by gRPC.
    """

  private var tags: [JSONValue] {
    var seen: Set<String> = []
    return functions.compactMap { function in
      let tag = tag(of: function)
      guard seen.insert(tag).inserted else { return nil }
      let service = function.rpc?.split(separator: "/").first.map(String.init) ?? ""
      return [
        "name": .string(tag),
        "description": .string(
          schemas.contract.serviceComments[service] ?? "Whether the system can answer."
        ),
      ]
    }
  }

  private func tag(of function: FunctionDescription) -> String {
    guard let package = function.rpc?.split(separator: ".").first else { return "health" }
    return ["user": "users", "auth": "sign-in", "task": "tasks"][package] ?? String(package)
  }

  // MARK: Paths

  private var paths: JSONValue {
    var paths: [(name: String, value: JSONValue)] = []
    for path in functions.map(\.path) where !paths.contains(where: { $0.name == path }) {
      var operations: [(name: String, value: JSONValue)] = []
      for function in functions where function.path == path {
        for method in function.methods {
          operations.append((method.lowercased(), operation(function, method)))
        }
      }
      paths.append((path, .object(JSONObject(operations))))
    }
    return .object(JSONObject(paths))
  }

  private func operation(_ function: FunctionDescription, _ method: String) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [
      ("operationId", .string(operationID(function, method))),
      ("tags", [.string(tag(of: function))]),
      ("summary", .string(summary(function, method))),
      ("description", .string(who(function))),
    ]
    let parameters = parameters(function, method)
    if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
    if Self.hasBody(method) { members.append(("requestBody", body(function, method))) }
    members.append(("responses", responses(function, method)))
    members.append(("security", security(function)))
    return .object(JSONObject(members))
  }

  private static func hasBody(_ method: String) -> Bool { method != "GET" && method != "DELETE" }

  private func operationID(_ function: FunctionDescription, _ method: String) -> String {
    guard let name = function.rpc?.split(separator: "/").last else { return "checkHealth" }
    let id = name.prefix(1).lowercased() + name.dropFirst()
    return method == "PUT" ? "replace" + id.dropFirst("update".count) : id
  }

  private func operationID(ofRPC method: String) -> Bool {
    functions.contains { $0.rpc?.hasSuffix("/" + method) == true }
  }

  /// The comment of the contract is `POST /api/v1/tasks: adds a task.`
  private func summary(_ function: FunctionDescription, _ method: String) -> String {
    let comment = function.rpc.flatMap { schemas.contract.methods[$0]?.comment } ?? function.summary
    let text = comment.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? comment
    let sentence = method == "PUT" ? text.replacing("changes", with: "replaces") : text
    return sentence.prefix(1).uppercased() + sentence.dropFirst().filter { $0 != "." }
  }

  private func who(_ function: FunctionDescription) -> String {
    let who =
      switch function.access {
      case "anyone": "For anyone."
      case "anyone-known-or-not": "For anyone; a token that comes along must be good."
      case "signed-in": "For those who are signed in."
      default: "For those with the role \(function.roles.joined(separator: " or "))."
      }
    guard let rpc = function.rpc else { return who }
    return "\(who) By gRPC: `\(rpc)`. Answered by the function `\(function.function)`."
  }

  private func security(_ function: FunctionDescription) -> JSONValue {
    switch function.access {
    case "anyone": []
    case "anyone-known-or-not": [[:], ["bearer": []]]
    default: [["bearer": []]]
    }
  }

  // MARK: Requests

  private func pathNames(_ function: FunctionDescription) -> Set<String> {
    Set(
      function.path.split(separator: "/").filter { $0.hasPrefix("{") }
        .map { String($0.dropFirst().dropLast()) }
    )
  }

  private func parameters(_ function: FunctionDescription, _ method: String) -> [JSONValue] {
    let path = pathNames(function)
    var parameters: [JSONValue] = []
    for (field, rule) in schemas.fields(of: function.request.type) {
      let isPath = path.contains(field.name)
      guard isPath || method == "GET" else { continue }
      var members: [(name: String, value: JSONValue)] = [
        ("name", .string(field.name)), ("in", isPath ? "path" : "query"),
        ("required", .bool(isPath)),
      ]
      if !field.comment.isEmpty { members.append(("description", .string(field.comment))) }
      if field.isRepeated { members.append(("explode", true)) }
      members.append(
        ("schema", schemas.property(field, rule, isNullable: false, isAnswer: false))
      )
      parameters.append(.object(JSONObject(members)))
    }
    if schemas.hasUnruled("expected_version", in: function.request.type) {
      parameters.append([
        "name": "If-Match", "in": "header", "required": false,
        "description": "Only if the resource is still at this version, as ETag gave it.",
        "schema": ["type": "string", "pattern": #"^"[0-9]{1,18}"$"#, "examples": ["\"1\""]],
      ])
    }
    if method == "GET", isResource(function.response.type) {
      parameters.append([
        "name": "If-None-Match", "in": "header", "required": false,
        "description": "No body when the resource is still at this version.",
        "schema": ["type": "string", "examples": ["\"1\""]],
      ])
    }
    return parameters
  }

  private func isResource(_ type: String) -> Bool {
    schemas.fields(of: type).contains { $0.field.name == "version" }
  }

  private func body(_ function: FunctionDescription, _ method: String) -> JSONValue {
    let example = schemas.example(function.request.type, leavingOut: pathNames(function))
    return [
      "required": true,
      "content": [
        "application/json": [
          "schema": ["$ref": "#/components/schemas/\(bodyName(function, method))"],
          "example": withoutAlternatives(example, function.request.alternatives),
        ]
      ],
    ]
  }

  /// An example with the first of the fields that exclude each other.
  private func withoutAlternatives(_ example: JSONValue, _ alternatives: [String]) -> JSONValue {
    guard case .object(let object) = example else { return example }
    return .object(
      JSONObject(object.members.filter { !alternatives.dropFirst().contains($0.name) })
    )
  }

  private func bodyName(_ function: FunctionDescription, _ method: String) -> String {
    let name = schemas.name(of: function.request.type)
    return method == "PUT" ? "Replace" + name.dropFirst("Update".count) : name
  }

  // MARK: Answers

  private func responses(_ function: FunctionDescription, _ method: String) -> JSONValue {
    var responses: [(name: String, value: JSONValue)] = [success(function, method)]
    if method == "GET", isResource(function.response.type) {
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

  private func success(_ function: FunctionDescription, _ method: String) -> (
    name: String, value: JSONValue
  ) {
    let type = function.response.type
    if type == "google.protobuf.Empty" {
      return ("204", ["description": "Done.", "headers": Self.references(["X-Request-Id"])])
    }
    var headers = ["X-Request-Id"]
    if isResource(type) { headers.append("ETag") }
    if function.creates { headers.append("Location") }
    let isList = schemas.fields(of: type).contains { $0.field.name == "next_page_token" }
    if isList { headers.append("Link") }
    var members: [(name: String, value: JSONValue)] = [
      ("description", function.creates ? "It has been made." : "The answer."),
      ("headers", Self.references(headers)),
      (
        "content",
        [
          "application/json": [
            "schema": ["$ref": "#/components/schemas/\(schemas.name(of: type))"],
            "example": schemas.example(type),
          ]
        ]
      ),
    ]
    if function.creates { members.append(("links", links(to: schemas.name(of: type)))) }
    if isList, method == "GET" {
      members.append(
        (
          "links",
          [
            "next": [
              "operationId": .string(operationID(function, method)),
              "parameters": ["page_token": "$response.body#/next_page_token"],
            ]
          ]
        )
      )
    }
    return (function.creates ? "201" : "200", .object(JSONObject(members)))
  }

  /// Where a new resource leads.
  private func links(to resource: String) -> JSONValue {
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
  private func refusals(_ function: FunctionDescription, _ method: String) -> [(
    status: Int, refusals: [FunctionDescription.Refusal]
  )] {
    let own = function.refusals.filter { refusal in
      switch refusal.code {
      // These belong to gRPC, or to a body.
      case "MALFORMED_MESSAGE", "UNSUPPORTED_ENCODING": false
      case "MALFORMED_JSON", "UNSUPPORTED_MEDIA_TYPE": Self.hasBody(method)
      default: true
      }
    }
    var all = own + Self.gatewayRefusals
    // A line break in the place of an id leads nowhere.
    if function.path.contains("{"), !own.contains(where: { $0.code == "NOT_FOUND" }) {
      all.append(.init(code: "NOT_FOUND", meaning: "There is nothing at this path", status: 404))
    }
    return Set(all.map(\.status)).sorted().map { status in
      (status, all.filter { $0.status == status })
    }
  }

  private static func name(of status: Int, _ refusals: [FunctionDescription.Refusal]) -> String {
    (["\(status)"] + refusals.map(\.code)).joined(separator: ".")
  }

  private static func response(
    _ status: Int,
    _ refusals: [FunctionDescription.Refusal]
  ) -> JSONValue {
    var headers = ["X-Request-Id"]
    if status == 401 { headers.append("WWW-Authenticate") }
    if [429, 503, 504].contains(status) { headers.append("Retry-After") }
    let examples = refusals.map { refusal -> (name: String, value: JSONValue) in
      (refusal.code, ["value": ["error": .string(refusal.meaning), "code": .string(refusal.code)]])
    }
    return [
      "description": .string(
        refusals.map { "`\($0.code)`: \($0.meaning)." }.joined(separator: " ")
      ),
      "headers": references(headers),
      "content": [
        "application/json": [
          "schema": [
            "allOf": [["$ref": "#/components/schemas/Error"]],
            "properties": ["code": ["enum": .array(refusals.map { .string($0.code) })]],
          ],
          "examples": .object(JSONObject(examples)),
        ]
      ],
    ]
  }

  /// Every set of codes that some operation has under one status.
  private var errorResponses: JSONValue {
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

  private static func references(_ names: [String]) -> JSONValue {
    .object(JSONObject(names.map { ($0, ["$ref": "#/components/headers/\($0)"]) }))
  }

  private static let headers: JSONValue = [
    "X-Request-Id": [
      "description": "The request's id: the caller's own, if it sent a sound one.",
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
      "description": "In how many seconds to try again.", "schema": ["type": "integer"],
      "required": true,
    ],
  ]

  // MARK: Schemas

  private var components: JSONValue {
    var components: [(name: String, value: JSONValue)] = [
      (
        "Error",
        [
          "type": "object",
          "description": "The one shape of all errors.",
          "properties": [
            "error": ["type": "string", "description": "What happened, for people."],
            "code": ["type": "string", "description": "What happened, for programs."],
            "details": [
              "type": "object", "additionalProperties": ["type": "string"],
              "description": "Which field, and why.",
            ],
          ],
          "required": ["error", "code"],
          "additionalProperties": false,
        ]
      )
    ]
    func add(_ name: String, _ schema: JSONValue) {
      if !components.contains(where: { $0.name == name }) { components.append((name, schema)) }
    }
    for function in functions {
      for method in function.methods where Self.hasBody(method) {
        let purpose: Schemas.Purpose =
          switch method {
          case "PUT": .replace
          case "PATCH": .update
          default: .create
          }
        add(
          bodyName(function, method),
          schemas.body(function.request, purpose, path: pathNames(function))
        )
      }
      if function.response.type != "google.protobuf.Empty" {
        add(schemas.name(of: function.response.type), schemas.answer(function.response.type))
      }
    }
    return .object(JSONObject(components.sorted { $0.name < $1.name }))
  }
}
