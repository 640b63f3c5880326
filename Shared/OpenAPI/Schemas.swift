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
  private let enumerations: [String: EnumerationDescription]

  init(_ functions: [FunctionDescription]) {
    messages = Dictionary(functions.flatMap(\.messages).map { ($0.type, $0) }) { first, _ in first }
    enumerations = Dictionary(functions.flatMap(\.enumerations).map { ($0.type, $0) }) { first, _ in
      first
    }
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

  /// The comments of the enumerations that a message has fields of, each after the name of the field.
  func choices(of type: String) -> [String] {
    message(type).restFields.compactMap { field in
      guard let comment = enumerations[field.typeName]?.comment, !comment.isEmpty else {
        return nil
      }
      return "`\(field.name)`: \(comment)"
    }
  }

  /// The name of a message among the document's schemas.
  func name(of type: String) -> String { type.split(separator: ".").last.map(String.init) ?? type }

  /// The schema of an enumeration.
  func schema(of enumeration: EnumerationDescription) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [("type", "string")]
    if !enumeration.comment.isEmpty {
      members.append(("description", .string(enumeration.comment)))
    }
    members.append(("enum", .array(enumeration.values.map(JSONValue.string))))
    return .object(JSONObject(members))
  }

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
  ///
  /// Of fields that exclude each other, it says how many there may be, and not by `oneOf` which: generators of clients
  /// make types of such alternatives that lack the other fields.
  func body(_ message: MessageDescription, _ purpose: Purpose, path: Set<String>) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = []
    var required: [JSONValue] = []
    let alternatives = message.exactlyOneOf
    for field in message.restFields where !path.contains(field.name) {
      let isNullable =
        !field.isRequired && !field.isNeverNull && !alternatives.contains(field.name)
      members.append((field.name, property(field, isNullable: isNullable, purpose)))
      if field.isRequired || purpose == .replace && field.replacement == .required {
        required.append(.string(field.name))
      }
    }
    var more: [(name: String, value: JSONValue)] = [("additionalProperties", false)]
    if !alternatives.isEmpty {
      let others = members.count - alternatives.count
      more.append(("minProperties", .number("\(required.count + 1)")))
      more.append(("maxProperties", .number("\(others + 1)")))
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
      return .object(JSONObject(list(field) + comment(field) + examples(field)))
    }
    guard case .object(let schema) = value(field, isNullable: isNullable) else { return true }
    var members = schema.members + comment(field)
    if purpose != .update, let text = field.defaultValue, !field.isRequired {
      members.append(("default", literal(text, field)))
    }
    return .object(JSONObject(members + examples(field)))
  }

  /// The schema of a parameter. Its description stands beside it, not in it; and beside a reference there is nothing
  /// else, or generators of clients lose its type.
  func parameter(_ field: FieldDescription) -> JSONValue {
    if field.isRepeated { return .object(JSONObject(list(field))) }
    guard case .object(let schema) = value(field, isNullable: false), schema["$ref"] == nil else {
      return value(field, isNullable: false)
    }
    let byDefault = field.defaultValue.map { [(name: "default", value: literal($0, field))] } ?? []
    return .object(JSONObject(schema.members + byDefault + examples(field)))
  }

  /// The comment of a parameter, and the default of one whose schema cannot have it.
  func parameterDescription(_ field: FieldDescription) -> String {
    guard !field.values.isEmpty, let text = field.defaultValue else { return field.comment }
    return [field.comment, "`\(text)` by default"].filter { !$0.isEmpty }.joined(separator: "; ")
  }

  private func list(_ field: FieldDescription) -> [(name: String, value: JSONValue)] {
    let members: [(name: String, value: JSONValue)] = [
      ("type", "array"), ("items", value(field, isNullable: false)),
    ]
    return members + (field.maxItems > 0 ? [("maxItems", .number("\(field.maxItems)"))] : [])
  }

  /// The comment of a field; of one that is a list, that of its elements first, unless it says the same.
  private func comment(_ field: FieldDescription) -> [(name: String, value: JSONValue)] {
    let ofElements = element(of: field)?.comment ?? ""
    let gist = ofElements.prefix { $0 != ";" }.lowercased()
    let isSaid = field.comment.lowercased().contains(gist)
    let comments = isSaid ? [field.comment] : [ofElements, field.comment]
    let text = comments.filter { !$0.isEmpty }.joined(separator: "; ")
    return text.isEmpty ? [] : [("description", .string(text))]
  }

  private func examples(_ field: FieldDescription) -> [(name: String, value: JSONValue)] {
    field.example.map { [("examples", [example($0, of: field)])] } ?? []
  }

  /// The elements of a field whose message is a list by REST.
  private func element(of field: FieldDescription) -> FieldDescription? {
    let inner = field.kind == .message ? message(field.typeName) : nil
    return inner?.isList == true ? inner?.fields.first : nil
  }

  private func value(_ field: FieldDescription, isNullable: Bool) -> JSONValue {
    func typed(_ type: JSONValue, _ more: [(name: String, value: JSONValue)] = []) -> JSONValue {
      .object(JSONObject([("type", isNullable ? [type, "null"] : type)] + more))
    }
    guard field.values.isEmpty else {
      let name = enumerations[field.typeName]?.name ?? name(of: field.typeName)
      let reference: JSONValue = ["$ref": .string("#/components/schemas/\(name)")]
      return isNullable ? ["anyOf": [reference, ["type": "null"]]] : reference
    }
    switch field.kind {
    case .bool: return typed("boolean")
    case .int32: return typed("integer", range(field))
    case .int64: return typed("integer", [("format", "int64")] + range(field))
    case .string: return typed("string", text(field))
    case .timestamp: return typed("string", [("format", "date-time")])
    case .map: return ["type": "object", "additionalProperties": ["type": "string"]]
    case .message:
      guard let element = element(of: field) else {
        return ["$ref": "#/components/schemas/\(name(of: field.typeName))"]
      }
      // A list that may be null, which a repeated field of protobuf cannot be.
      var items = element
      items.isRepeated = false
      return typed(
        "array",
        [("items", value(items, isNullable: false)), ("maxItems", .number("\(element.maxItems)"))]
      )
    case .enumeration, .fieldMask, .other: return true
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
    // pydantic masks a text of the format "password" when it writes a request, so that nobody could sign in.
    if let format = field.format, format != "password" {
      members.append(("format", .string(format)))
    }
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

  /// An example of a message, made of the examples of its fields but for those that are rare. An answer has all fields:
  /// null is an example of those without another.
  func example(_ type: String, leavingOut path: Set<String> = [], isAnswer: Bool = false)
    -> JSONValue
  {
    let message = message(type)
    var members: [(name: String, value: JSONValue)] = []
    for field in message.restFields
    where !path.contains(field.name) && !field.isRare && isThere(field, inExampleOf: message) {
      if let value = example(of: field, isAnswer) ?? (isAnswer ? .null : nil) {
        members.append((field.name, value))
      }
    }
    return .object(JSONObject(members))
  }

  private func isThere(_ field: FieldDescription, inExampleOf message: MessageDescription) -> Bool {
    guard let condition = field.onlyIf else { return true }
    let flag = message.field(condition.trimmingPrefix("!").description)?.example == "true"
    return condition.hasPrefix("!") ? !flag : flag
  }

  private func example(of field: FieldDescription, _ isAnswer: Bool) -> JSONValue? {
    if let text = field.example { return example(text, of: field) }
    guard element(of: field) == nil else { return nil }
    switch field.kind {
    case .map: return [:]
    case .message:
      let inner = example(field.typeName, isAnswer: isAnswer)
      return field.isRepeated ? [inner] : inner
    default: return nil
    }
  }

  /// The value of an example; of a list, the text has one element or all of them.
  private func example(_ text: String, of field: FieldDescription) -> JSONValue {
    let element = element(of: field)
    guard field.isRepeated || element != nil else { return literal(text, field) }
    if case .array(let all)? = try? JSONValue(parsing: Array(text.utf8)) { return .array(all) }
    return [literal(text, element ?? field)]
  }
}
