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

  @Test func `has pattern, format, values, bounds of numbers and of lists`() {
    #expect(
      schema { ($0.format, $0.pattern) = ("uuid", "^a$") }
        == ["type": "string", "format": "uuid", "pattern": "^a$"]
    )
    #expect(schema { $0.values = ["a", "b"] } == ["type": "string", "enum": ["a", "b"]])
    #expect(
      schema { ($0.kind, $0.range) = (.int32, .init(min: 1, max: 200)) }
        == ["type": "integer", "minimum": 1, "maximum": 200]
    )
    #expect(
      schema { ($0.kind, $0.range) = (.int64, .init(min: 0, max: nil)) }
        == ["type": "integer", "format": "int64", "minimum": 0]
    )
    #expect(
      schema { ($0.kind, $0.values, $0.isRepeated, $0.maxItems) = (.enumeration, ["A"], true, 20) }
        == ["type": "array", "items": ["type": "string", "enum": ["A"]], "maxItems": 20]
    )
  }

  @Test func `may be null, with null among its values`() {
    #expect(
      schema(isNullable: true) { ($0.kind, $0.values) = (.enumeration, ["A"]) }
        == ["type": ["string", "null"], "enum": ["A", .null]]
    )
    #expect(schema(isNullable: true) { $0.kind = .bool } == ["type": ["boolean", "null"]])
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

  @Test func `has no default where only what is given is changed`() {
    let text = field("text") { $0.defaultValue = "A" }
    #expect(schemas.property(text, isNullable: false, .update) == ["type": "string"])
    #expect(
      schemas.property(text, isNullable: false, .replace) == ["type": "string", "default": "A"]
    )
  }
}
