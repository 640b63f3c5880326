import Descriptors
import JSON
import Testing

@testable import Contract
@testable import OpenAPI

struct `The schema of a field` {
  private let schemas = Schemas([])

  private func schema(isNullable: Bool = false, _ change: (inout FieldDescription) -> Void)
    -> JSONValue
  {
    schemas.property(field("text", change), isNullable: isNullable)
  }

  @Test func `has characters as the lengths that JSON Schema counts`() {
    #expect(
      schema { $0.characters = .init(min: 1, max: 255) }
        == ["type": "string", "minLength": 1, "maxLength": 255]
    )
    #expect(schema { $0.characters = .init(min: 0, max: 9) } == ["type": "string", "maxLength": 9])
    #expect(
      schema { $0.characters = .init(min: 2, max: nil) } == ["type": "string", "minLength": 2]
    )
  }

  /// A character has one to four bytes of UTF-8: a schema must refuse nothing that the bytes allow.
  @Test(arguments: [
    (1, 72, 1, 72), (4, 72, 1, 72), (5, 8, 2, 8), (8, 8, 2, 8), (9, 9, 3, 9),
  ])
  func `has bytes as lengths that every text of so many bytes has`(
    min: Int,
    max: Int,
    minLength: Int,
    maxLength: Int
  ) {
    #expect(
      schema { $0.bytes = .init(min: min, max: max) }
        == [
          "type": "string", "minLength": .number("\(minLength)"),
          "maxLength": .number("\(maxLength)"),
        ]
    )
    for text in [
      String(repeating: "a", count: min), String(repeating: "a", count: max),
      String(repeating: "😀", count: max / 4),
    ] where (min...max).contains(text.utf8.count) {
      #expect((minLength...maxLength).contains(text.unicodeScalars.count))
    }
  }

  @Test func `has characters before bytes where there are both`() {
    #expect(
      schema {
        $0.characters = .init(min: 8, max: 20)
        $0.bytes = .init(min: 8, max: 72)
      } == ["type": "string", "minLength": 8, "maxLength": 20]
    )
  }

  @Test func `has pattern, format, bounds of numbers and of lists`() {
    #expect(
      schema { ($0.format, $0.pattern) = ("uuid", "^a$") }
        == ["type": "string", "format": "uuid", "pattern": "^a$"]
    )
    #expect(
      schema { ($0.kind, $0.range) = (.int32, .init(min: 1, max: 200)) }
        == ["type": "integer", "minimum": 1, "maximum": 200]
    )
    #expect(
      schema { ($0.kind, $0.range) = (.int64, .init(min: 0, max: nil)) }
        == ["type": "integer", "format": "int64", "minimum": 0]
    )
    #expect(
      schema { ($0.isRepeated, $0.maxItems) = (true, 20) }
        == ["type": "array", "items": ["type": "string"], "maxItems": 20]
    )
  }

  /// Beside a reference with anything else, generators of clients lose the type of a parameter.
  @Test func `refers to an enumeration by the name that it has among all packages`() {
    let named = Schemas([withStatus])
    let reference: JSONValue = ["$ref": "#/components/schemas/OrderStatus"]
    #expect(
      named.property(status, isNullable: false) == [
        "$ref": "#/components/schemas/OrderStatus", "default": "A",
      ]
    )
    #expect(
      named.property(status, isNullable: true) == [
        "anyOf": [reference, ["type": "null"]], "default": "A",
      ]
    )
    #expect(named.parameter(status) == reference)
    #expect(named.parameterDescription(status) == "`A` by default")

    var many = status
    (many.isRepeated, many.maxItems, many.example) = (true, 20, "A")
    #expect(named.parameter(many) == ["type": "array", "items": reference, "maxItems": 20])
    #expect(
      named.property(many, isNullable: false)
        == ["type": "array", "items": reference, "maxItems": 20, "examples": [["A"]]]
    )

    let texts = field("order_by") { ($0.values, $0.typeName) = (["a", "b"], "TaskOrder") }
    #expect(schemas.parameter(texts) == ["$ref": "#/components/schemas/TaskOrder"])
  }

  private let status = field("status") {
    ($0.kind, $0.typeName, $0.values, $0.defaultValue) = (
      .enumeration, "shop.v1.Status", ["A"], "A"
    )
  }
  private var withStatus: FunctionDescription {
    var described = function("get-order", fields: [status])
    described.enumerations = [
      .init(type: "shop.v1.Status", name: "OrderStatus", comment: "How far it is.", values: ["A"])
    ]
    return described
  }

  @Test func `of an enumeration has its comment and values`() {
    #expect(
      schemas.schema(of: withStatus.enumerations[0])
        == ["type": "string", "description": "How far it is.", "enum": ["A"]]
    )
  }

  @Test func `may be null`() {
    #expect(schema(isNullable: true) { $0.kind = .bool } == ["type": ["boolean", "null"]])
  }

  /// pydantic masks such a text when it writes a request.
  @Test func `of a password has no format`() {
    #expect(schema { $0.format = "password" } == ["type": "string"])
  }

  @Test func `has default, example and comment, with their type`() {
    #expect(
      schema {
        ($0.kind, $0.defaultValue, $0.example, $0.comment) = (.int32, "50", "20", "How many.")
      } == ["type": "integer", "description": "How many.", "default": 50, "examples": [20]]
    )
    #expect(
      schema { ($0.kind, $0.defaultValue) = (.bool, "true") } == [
        "type": "boolean", "default": true,
      ]
    )
  }

  @Test func `of a list by REST has the unit and the example of its elements`() {
    var minutes = MessageDescription(type: "shop.v1.Minutes")
    minutes.isList = true
    minutes.fields = [
      field("minutes") {
        ($0.kind, $0.isRepeated, $0.maxItems, $0.comment) = (.int32, true, 10, "in minutes")
      }
    ]
    let reminders = field("reminders") {
      ($0.kind, $0.typeName, $0.hasPresence) = (.message, minutes.type, true)
      ($0.comment, $0.example) = ("none unless set", "[60, 5]")
    }
    var described = function("get-order", fields: [reminders])
    described.messages.append(minutes)
    let schemas = Schemas([described])
    #expect(
      schemas.property(reminders, isNullable: true)
        == [
          "type": ["array", "null"], "items": ["type": "integer"], "maxItems": 10,
          "description": "in minutes; none unless set", "examples": [[60, 5]],
        ]
    )
    #expect(schemas.example(described.request) == ["reminders": [60, 5]])
  }

  @Test func `has no default where only what is given is changed`() {
    let text = field("text") { $0.defaultValue = "A" }
    #expect(schemas.property(text, isNullable: false, .update) == ["type": "string"])
    #expect(
      schemas.property(text, isNullable: false, .replace) == ["type": "string", "default": "A"]
    )
  }
}

struct `The schema of a body` {
  private var sign: MessageDescription {
    var message = MessageDescription(type: "shop.v1.SignRequest")
    message.fields = [
      field("name") { ($0.hasPresence, $0.example) = (true, "ada") },
      field("email") { $0.hasPresence = true },
      field("password") { $0.isRequired = true },
    ]
    message.exactlyOneOf = ["name", "email"]
    return message
  }

  /// With `oneOf`, generators of clients make types that lack the other fields.
  @Test func `says of fields that exclude each other how many there are`() {
    #expect(
      Schemas([]).body(sign, .create, path: [])
        == [
          "type": "object",
          "properties": [
            "name": ["type": "string", "examples": ["ada"]], "email": ["type": "string"],
            "password": ["type": "string"],
          ],
          "required": ["password"], "additionalProperties": false, "minProperties": 2,
          "maxProperties": 2,
        ]
    )
  }

  @Test func `leaves room for fields that may be left out`() {
    var message = sign
    message.fields.append(field("device"))
    guard case .object(let body) = Schemas([]).body(message, .create, path: []) else {
      Issue.record("no object")
      return
    }
    #expect(body["minProperties"] == 2)
    #expect(body["maxProperties"] == 3)
  }
}

struct `The example of an answer` {
  private func answer(_ fields: FieldDescription...) -> (request: JSONValue, answer: JSONValue) {
    let described = function("get-order", fields: fields)
    let schemas = Schemas([described])
    return (
      schemas.example(described.request), schemas.example(described.request, isAnswer: true)
    )
  }

  @Test func `has every field, null where there is no example`() {
    let found = answer(field("id") { $0.example = "1" }, field("note") { $0.hasPresence = true })
    #expect(found.answer == ["id": "1", "note": .null])
    #expect(found.request == ["id": "1"])
  }

  @Test(arguments: [("true", ["name"]), ("false", ["reason"])])
  func `has only what goes with its flags`(valid: String, names: [String]) {
    let found = answer(
      field("valid") { ($0.kind, $0.example) = (.bool, valid) },
      field("reason") { ($0.onlyIf, $0.example) = ("!valid", "gone") },
      field("name") { ($0.onlyIf, $0.example) = ("valid", "ada") }
    )
    guard case .object(let object) = found.answer else { return }
    #expect(object.members.map(\.name) == ["valid"] + names)
  }
}
