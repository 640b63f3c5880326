import Descriptors
import JSON

/// Makes JSON Schemas of messages: their types are the contract's, their bounds the functions' own.
struct Schemas {
  /// How a request's fields are to be understood; see `Fields.Mode`.
  enum Purpose {
    case create
    case replace
    case update
  }

  let contract: Contract
  /// The rules of a message's fields, by its full name.
  private let rules: [String: [JSONObject]]

  init(contract: Contract, messages: [FunctionDescription.Message]) {
    self.contract = contract
    rules = Dictionary(messages.map { ($0.type, $0.rules) }) { first, _ in first }
  }

  /// The name of a message among the document's schemas.
  func name(of type: String) -> String { type.split(separator: ".").last.map(String.init) ?? type }

  /// The fields of a message that have rules, in the contract's order.
  func fields(of type: String) -> [(field: Contract.Field, rule: JSONObject)] {
    (contract.messages[type]?.fields ?? []).compactMap { field in
      rules[type]?.first { $0["name"]?.string == field.name }.map { (field, $0) }
    }
  }

  /// Whether a message has a field that no rule speaks of.
  func hasUnruled(_ field: String, in type: String) -> Bool {
    contract.messages[type]?.fields.contains { $0.name == field } == true
      && !fields(of: type).contains { $0.field.name == field }
  }

  /// The schema of an answer.
  func answer(_ type: String) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = []
    var required: [JSONValue] = []
    for (field, rule) in fields(of: type) {
      let isNullable = rule.flag("nullable")
      members.append((field.name, property(field, rule, isNullable: isNullable, isAnswer: true)))
      if !rule.flag("conditional") { required.append(.string(field.name)) }
    }
    return object(type, members, required, more: [])
  }

  /// The schema of a request's body, without the fields that stand in the path.
  func body(_ message: FunctionDescription.Message, _ purpose: Purpose, path: Set<String>)
    -> JSONValue
  {
    var members: [(name: String, value: JSONValue)] = []
    var required: [JSONValue] = []
    for (field, rule) in fields(of: message.type) where !path.contains(field.name) {
      members.append(
        (
          field.name,
          property(field, rule, isNullable: rule.flag("nullable"), isAnswer: false, purpose)
        )
      )
      if rule.flag("required") || purpose == .replace && rule.flag("required_to_replace") {
        required.append(.string(field.name))
      }
    }
    var more: [(name: String, value: JSONValue)] = [("additionalProperties", false)]
    if !message.alternatives.isEmpty {
      // One of them is there; the others are not, or null.
      let choices = message.alternatives.map { chosen -> JSONValue in
        let types = message.alternatives.map { name in
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
    if let comment = contract.messages[type]?.comment, !comment.isEmpty {
      members.append(("description", .string(comment)))
    }
    members.append(("properties", .object(JSONObject(properties))))
    if !required.isEmpty { members.append(("required", .array(required))) }
    return .object(JSONObject(members + more))
  }

  /// The schema of a field.
  func property(
    _ field: Contract.Field,
    _ rule: JSONObject,
    isNullable: Bool,
    isAnswer: Bool,
    _ purpose: Purpose = .create
  ) -> JSONValue {
    if field.isRepeated, !isMap(field.kind) {
      var members: [(name: String, value: JSONValue)] = [("type", "array")]
      members.append(("items", value(field, rule, isNullable: false, isAnswer: isAnswer)))
      if let most = rule["max_items"] { members.append(("maxItems", most)) }
      return .object(JSONObject(members + comment(field)))
    }
    guard case .object(let schema) = value(field, rule, isNullable: isNullable, isAnswer: isAnswer)
    else { return true }
    var members = schema.members + comment(field)
    if purpose != .update, let text = rule["default"]?.string {
      members.append(("default", literal(text, field.kind)))
    }
    if let text = rule["example"]?.string {
      members.append(("examples", [literal(text, field.kind)]))
    }
    return .object(JSONObject(members))
  }

  private func comment(_ field: Contract.Field) -> [(name: String, value: JSONValue)] {
    field.comment.isEmpty ? [] : [("description", .string(field.comment))]
  }

  private func value(
    _ field: Contract.Field,
    _ rule: JSONObject,
    isNullable: Bool,
    isAnswer: Bool
  ) -> JSONValue {
    func typed(_ type: JSONValue, _ more: [(name: String, value: JSONValue)] = []) -> JSONValue {
      .object(JSONObject([("type", isNullable ? [type, "null"] : type)] + more))
    }
    switch field.kind {
    case .bool: return typed("boolean")
    case .int32: return typed("integer", bounds(rule, ["minimum", "maximum"]))
    case .int64:
      return typed("integer", [("format", "int64")] + bounds(rule, ["minimum", "maximum"]))
    case .string where !rule["values"].texts.isEmpty:
      return typed("string", [("enum", .array(rule["values"].texts.map(JSONValue.string)))])
    case .string:
      return typed("string", bounds(rule, ["format", "minLength", "maxLength", "pattern"]))
    case .enumeration(let type):
      // The first value says that there is none.
      var names = (contract.enumerations[type] ?? []).dropFirst().map(JSONValue.string)
      if isNullable { names.append(.null) }
      return typed("string", [("enum", .array(names))])
    case .message("google.protobuf.Timestamp"): return typed("string", [("format", "date-time")])
    // A list that may be null, which a repeated field of protobuf cannot be.
    case .message("task.v1.Reminders"):
      let items = JSONValue.object(
        JSONObject([("type", "integer")] + bounds(rule, ["minimum", "maximum"]))
      )
      return typed("array", [("items", items)] + bounds(rule, ["maxItems"]))
    case .message where isMap(field.kind):
      return ["type": "object", "additionalProperties": ["type": "string"]]
    case .message(let type): return ["$ref": "#/components/schemas/\(name(of: type))"]
    case .other: return true
    }
  }

  private func bounds(_ rule: JSONObject, _ names: [String]) -> [(name: String, value: JSONValue)] {
    let own = ["minLength": "min_length", "maxLength": "max_length", "maxItems": "max_items"]
    return names.compactMap { name in rule[own[name] ?? name].map { (name, $0) } }
  }

  private func isMap(_ kind: Contract.Field.Kind) -> Bool {
    if case .message(let type) = kind { type.hasSuffix("Entry") } else { false }
  }

  private func literal(_ text: String, _ kind: Contract.Field.Kind) -> JSONValue {
    switch kind {
    case .int32, .int64: .number(text)
    case .bool: .bool(text == "true")
    default: .string(text)
    }
  }

  /// What a message may look like, made of the examples of its fields, but for those that are rare.
  func example(_ type: String, leavingOut path: Set<String> = []) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = []
    for (field, rule) in fields(of: type) where !path.contains(field.name) && !rule.flag("rare") {
      var value: JSONValue?
      if let text = rule["example"]?.string {
        value = literal(text, field.kind)
      } else if isMap(field.kind) {
        value = [:]
      } else if case .message(let inner) = field.kind, contract.messages[inner] != nil,
        !["google.protobuf.Timestamp", "task.v1.Reminders"].contains(inner)
      {
        value = example(inner)
      }
      guard let value else { continue }
      members.append((field.name, field.isRepeated && !isMap(field.kind) ? [value] : value))
    }
    return .object(JSONObject(members))
  }
}

extension JSONObject {
  /// Whether a member is true.
  func flag(_ name: String) -> Bool { self[name] == .bool(true) }
}
