public import Contract
public import JSON

/// The description of the whole REST API, made of the contract and of what the functions say of themselves.
/// Source: OpenAPI 3.1.
public struct Document {
  let functions: [FunctionDescription]
  let registry: Registry
  let schemas: Schemas

  /// A description of the functions that have a path below `/api` or `/health`.
  public init(_ registry: Registry) {
    self.registry = registry
    functions = registry.functions.filter {
      $0.path.hasPrefix("/api/") || $0.path.hasPrefix("/health/")
    }
    schemas = Schemas(functions)
  }

  /// The document.
  public var json: JSONValue {
    [
      "openapi": "3.1.0",
      "info": [
        "title": "Task management",
        "version": "1",
        "summary": "Users, sign-in, tasks and notifications.",
        "description": .string(introduction),
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

  private var introduction: String {
    let common = commonRefusals.flatMap { status, refusals in
      refusals.map { "- \(status) `\($0.code)`: \($0.meaning)." }
    }
    return """
      Sign in with `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer …`. A path without \
      the version, `/api/…`, is the same as `/api/v1/…`.

      Every error has one shape: `{"error": "what a person reads", "code": "TASK_NOT_FOUND", \
      "details": {"field": "why"}}`. Besides its own errors, every operation has these:

      \(common.joined(separator: "\n"))
      """
  }

  private var tags: [JSONValue] {
    var seen: Set<String> = []
    return functions.compactMap { function in
      guard seen.insert(function.title).inserted else { return nil }
      let comment = registry.titles.first { $0.name == function.title }?.comment ?? ""
      return ["name": .string(function.title), "description": .string(comment)]
    }
  }

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
      for enumeration in function.enumerations {
        add(enumeration.name, schemas.schema(of: enumeration))
      }
      for method in function.methods where Self.hasBody(function, method) {
        let purpose: Schemas.Purpose =
          switch method {
          case "PUT": .replace
          case "PATCH": .update
          default: .create
          }
        add(
          bodyName(function, method),
          schemas.body(schemas.message(function.request), purpose, path: pathNames(function))
        )
        for message in schemas.inner(of: function.request) {
          add(schemas.name(of: message.type), schemas.body(message, purpose, path: []))
        }
      }
      for type in [function.response] + schemas.inner(of: function.response).map(\.type)
      where type != "google.protobuf.Empty" {
        add(schemas.name(of: type), schemas.answer(type))
      }
    }
    return .object(JSONObject(components.sorted { $0.name < $1.name }))
  }
}
