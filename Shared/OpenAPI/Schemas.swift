import Contract
import JSON

/// Makes JSON Schemas of messages. Source: JSON Schema 2020-12.
struct Schemas {
  /// The purpose of a request's body.
  enum Purpose {
    case create
    case replace
    case update
  }

  private let messages: [String: MessageDescription]

  init(_ functions: [FunctionDescription]) {
    messages = Dictionary(functions.flatMap(\.messages).map { ($0.type, $0) }) { first, _ in first }
  }

  /// A message by its full name.
  func message(_ type: String) -> MessageDescription {
    messages[type] ?? MessageDescription(type: type)
  }

  /// The messages inside of a message that have schemas of their own.
  func inner(of type: String) -> [MessageDescription] {
    message(type).fields.filter { $0.kind == .message }.map { message($0.typeName) }
      .filter { !$0.isList }.flatMap { [$0] + inner(of: $0.type) }
  }

  /// The name of a message among the document's schemas.
  func name(of type: String) -> String { type.split(separator: ".").last.map(String.init) ?? type }

  /// The schema of an answer.
  func answer(_ type: String) -> JSONValue {
    let fields = message(type).restFields
    let members = fields.map { field in
      let isNullable = field.hasPresence && !field.isRequired && !field.isNeverNull
      return (name: field.name, value: property(field, isNullable: isNullable))
    }
    let required = fields.filter { $0.onlyIf == nil }.map { JSONValue.string($0.name) }
    return object(type, members, required, more: [])
  }

  /// The schema of a request's body, without the fields that stand in the path.
  func body(_ message: MessageDescription, _ purpose: Purpose, path: Set<String>) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = []
    var required: [JSONValue] = []
    for field in message.restFields where !path.contains(field.name) {
      let isNullable = !field.isRequired && !field.isNeverNull
      members.append((field.name, property(field, isNullable: isNullable, purpose)))
      if field.isRequired || purpose == .replace && field.replacement == .required {
        required.append(.string(field.name))
      }
    }
    var more: [(name: String, value: JSONValue)] = [("additionalProperties", false)]
    if !message.exactlyOneOf.isEmpty {
      // One of them is there; the others are not, or null.
      let choices = message.exactlyOneOf.map { chosen -> JSONValue in
        let types = message.exactlyOneOf.map { name in
          (name: name, value: ["type": name == chosen ? "string" : "null"] as JSONValue)
        }
        return ["required": [.string(chosen)], "properties": .object(JSONObject(types))]
      }
      more.append(("oneOf", .array(choices)))
    }
    return object(message.type, members, required, more: more)
  }

  private func object(
    _ type: String,
    _ properties: [(name: String, value: JSONValue)],
    _ required: [JSONValue],
    more: [(name: String, value: JSONValue)]
  ) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [("type", "object")]
    let comment = message(type).comment
    if !comment.isEmpty { members.append(("description", .string(comment))) }
    members.append(("properties", .object(JSONObject(properties))))
    if !required.isEmpty { members.append(("required", .array(required))) }
    return .object(JSONObject(members + more))
  }

  /// The schema of a field.
  func property(
    _ field: FieldDescription,
    isNullable: Bool,
    _ purpose: Purpose = .create
  ) -> JSONValue {
    if field.isRepeated {
      var members: [(name: String, value: JSONValue)] = [("type", "array")]
      members.append(("items", value(field, isNullable: false)))
      if field.maxItems > 0 { members.append(("maxItems", .number("\(field.maxItems)"))) }
      return .object(JSONObject(members + comment(field)))
    }
    guard case .object(let schema) = value(field, isNullable: isNullable) else { return true }
    var members = schema.members + comment(field)
    if purpose != .update, let text = field.defaultValue, !field.isRequired {
      members.append(("default", literal(text, field)))
    }
    if let text = field.example { members.append(("examples", [literal(text, field)])) }
    return .object(JSONObject(members))
  }

  private func comment(_ field: FieldDescription) -> [(name: String, value: JSONValue)] {
    field.comment.isEmpty ? [] : [("description", .string(field.comment))]
  }

  private func value(_ field: FieldDescription, isNullable: Bool) -> JSONValue {
    func typed(_ type: JSONValue, _ more: [(name: String, value: JSONValue)] = []) -> JSONValue {
      .object(JSONObject([("type", isNullable ? [type, "null"] : type)] + more))
    }
    switch field.kind {
    case .bool: return typed("boolean")
    case .int32: return typed("integer", range(field))
    case .int64: return typed("integer", [("format", "int64")] + range(field))
    case .string where !field.values.isEmpty:
      return typed("string", [("enum", .array(field.values.map(JSONValue.string)))])
    case .string: return typed("string", text(field))
    case .enumeration:
      let names = field.values.map(JSONValue.string)
      return typed("string", [("enum", .array(isNullable ? names + [.null] : names))])
    case .timestamp: return typed("string", [("format", "date-time")])
    case .map: return ["type": "object", "additionalProperties": ["type": "string"]]
    case .message:
      let inner = message(field.typeName)
      guard inner.isList, let element = inner.fields.first else {
        return ["$ref": "#/components/schemas/\(name(of: field.typeName))"]
      }
      // A list that may be null, which a repeated field of protobuf cannot be.
      var items = element
      items.isRepeated = false
      return typed(
        "array",
        [("items", value(items, isNullable: false)), ("maxItems", .number("\(element.maxItems)"))]
      )
    case .fieldMask, .other: return true
    }
  }

  private func range(_ field: FieldDescription) -> [(name: String, value: JSONValue)] {
    guard let range = field.range else { return [] }
    return [("minimum", .number("\(range.min)"))]
      + (range.max.map { [("maximum", JSONValue.number("\($0)"))] } ?? [])
  }

  /// JSON Schema counts characters: no byte has two of them, and none has more than four bytes.
  private func text(_ field: FieldDescription) -> [(name: String, value: JSONValue)] {
    let least = field.characters?.min ?? field.bytes.map { ($0.min + 3) / 4 } ?? 0
    let most = field.characters?.max ?? field.bytes?.max
    var members: [(name: String, value: JSONValue)] = []
    if let format = field.format { members.append(("format", .string(format))) }
    if least > 0 { members.append(("minLength", .number("\(least)"))) }
    if let most { members.append(("maxLength", .number("\(most)"))) }
    if let pattern = field.pattern { members.append(("pattern", .string(pattern))) }
    return members
  }

  private func literal(_ text: String, _ field: FieldDescription) -> JSONValue {
    switch field.kind {
    case .int32, .int64: .number(text)
    case .bool: .bool(text == "true")
    default: .string(text)
    }
  }

  /// An example of a message, made of the examples of its fields but for those that are rare.
  func example(_ type: String, leavingOut path: Set<String> = []) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = []
    for field in message(type).restFields where !path.contains(field.name) && !field.isRare {
      var value: JSONValue?
      if let text = field.example {
        value = literal(text, field)
      } else if field.kind == .map {
        value = [:]
      } else if field.kind == .message, !message(field.typeName).isList {
        value = example(field.typeName)
      }
      guard let value else { continue }
      members.append((field.name, field.isRepeated ? [value] : value))
    }
    return .object(JSONObject(members))
  }
}
