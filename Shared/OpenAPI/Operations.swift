import Contract
import JSON

/// Paths and their operations: what each takes.
extension Document {
  var paths: JSONValue {
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

  func operation(_ function: FunctionDescription, _ method: String) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [
      ("operationId", .string(operationID(function, method))),
      ("tags", [.string(function.title)]),
      ("summary", .string(summary(function, method))),
      ("description", .string(description(function, method))),
    ]
    let parameters = parameters(function, method)
    if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
    if Self.hasBody(function, method) { members.append(("requestBody", body(function, method))) }
    members.append(("responses", responses(function, method)))
    members.append(("security", security(function)))
    return .object(JSONObject(members))
  }

  static func hasBody(_ function: FunctionDescription, _ method: String) -> Bool {
    function.readsBody && method != "GET" && method != "DELETE"
  }

  func operationID(_ function: FunctionDescription, _ method: String) -> String {
    guard let name = function.rpc?.split(separator: "/").last else { return "checkHealth" }
    let id = name.prefix(1).lowercased() + name.dropFirst()
    return method == "PUT" ? "replace" + id.dropFirst("update".count) : id
  }

  func operationID(ofRPC method: String) -> Bool {
    functions.contains { $0.rpc?.hasSuffix("/" + method) == true }
  }

  /// The first sentence of what the contract says, and the others.
  private func sentences(_ function: FunctionDescription) -> (first: Substring, others: Substring) {
    guard let end = function.summary.firstRange(of: ". ") else {
      return (function.summary[...], "")
    }
    return (function.summary[..<end.lowerBound], function.summary[end.upperBound...])
  }

  /// The first sentence of what the contract says.
  func summary(_ function: FunctionDescription, _ method: String) -> String {
    let sentence = sentences(function).first
    let text = method == "PUT" ? sentence.replacing("Changes", with: "Replaces") : sentence
    return String(text.hasSuffix(".") ? text.dropLast() : text[...])
  }

  /// The rest of what the contract says, what a change may choose from, who may call, and how else.
  func description(_ function: FunctionDescription, _ method: String) -> String {
    let isChange = method == "PUT" || method == "PATCH"
    var parts = [String(sentences(function).others)]
    parts += isChange ? schemas.choices(of: function.request) : []
    let access = "Access: \(function.who)."
    let rpc = function.rpc.map {
      "\(access) By gRPC: `\($0)`. Answered by the function `\(function.function)`."
    }
    return (parts + [rpc ?? access]).filter { !$0.isEmpty }.joined(separator: "\n\n")
  }

  func security(_ function: FunctionDescription) -> JSONValue {
    switch function.callers {
    case ["ANYONE"]: []
    case ["ANYONE_OR_SIGNED_IN"]: [[:], ["bearer": []]]
    default: [["bearer": []]]
    }
  }

  func pathNames(_ function: FunctionDescription) -> Set<String> {
    Set(RegistryReader.pathNames(function.path))
  }

  func parameters(_ function: FunctionDescription, _ method: String) -> [JSONValue] {
    let path = pathNames(function)
    var parameters: [JSONValue] = []
    for field in schemas.message(function.request).restFields {
      let isPath = path.contains(field.name)
      guard isPath || method == "GET" else { continue }
      var members: [(name: String, value: JSONValue)] = [
        ("name", .string(field.name)), ("in", isPath ? "path" : "query"),
        ("required", .bool(isPath)),
      ]
      let text = schemas.parameterDescription(field)
      if !text.isEmpty { members.append(("description", .string(text))) }
      if field.isRepeated { members.append(("explode", true)) }
      members.append(("schema", schemas.parameter(field)))
      parameters.append(.object(JSONObject(members)))
    }
    if schemas.message(function.request).fields.contains(where: { $0.header == "If-Match" }) {
      parameters.append([
        "name": "If-Match", "in": "header", "required": false,
        "description": "Only if the resource is still at this version, as ETag gave it.",
        "schema": ["type": "string", "pattern": #"^"[0-9]{1,18}"$"#, "examples": ["\"1\""]],
      ])
    }
    if method == "GET", isResource(function.response) {
      parameters.append([
        "name": "If-None-Match", "in": "header", "required": false,
        "description": "No body when the resource is still at this version.",
        "schema": ["type": "string", "examples": ["\"1\""]],
      ])
    }
    return parameters
  }

  func isResource(_ type: String) -> Bool {
    schemas.message(type).field("version") != nil
  }

  func body(_ function: FunctionDescription, _ method: String) -> JSONValue {
    let example = schemas.example(function.request, leavingOut: pathNames(function))
    return [
      "required": true,
      "content": [
        "application/json": [
          "schema": ["$ref": "#/components/schemas/\(bodyName(function, method))"],
          "example": withoutAlternatives(example, schemas.message(function.request).exactlyOneOf),
        ]
      ],
    ]
  }

  /// An example with the first of the fields that exclude each other.
  func withoutAlternatives(_ example: JSONValue, _ alternatives: [String]) -> JSONValue {
    guard case .object(let object) = example else { return example }
    return .object(
      JSONObject(object.members.filter { !alternatives.dropFirst().contains($0.name) })
    )
  }

  func bodyName(_ function: FunctionDescription, _ method: String) -> String {
    let name = schemas.name(of: function.request)
    return method == "PUT" ? "Replace" + name.dropFirst("Update".count) : name
  }
}
