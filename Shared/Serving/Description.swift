import API
import Endpoint
import JSON
import Wire

/// What a function says of itself (`--describe`): one line of JSON, from which the API's description is made.
enum Description {
  static func of<F: Function>(_ function: F.Type, name: String, deadlineMilliseconds: Int)
    -> [UInt8]
  where F.Request: RequestMessage, F.Response: ResponseMessage {
    var json = JSONWriter(capacity: 4096)
    json.beginObject()
    json.name("function")
    json.value(name)
    json.name("summary")
    json.value(F.summary)
    json.name("methods")
    json.list(F.route.methods) { $0.value($1.rawValue) }
    json.name("path")
    json.value(F.route.path)
    json.name("creates")
    json.value(F.route.creates)
    json.name("rpc")
    json.value(F.route.rpc)
    json.name("streams")
    json.value(F.route.streams)
    json.name("access")
    json.value(F.access)
    json.name("request")
    json.message(F.Request.self)
    json.name("response")
    json.message(F.Response.self)
    json.name("problems")
    json.list(F.everyProblem) { json, code in
      json.beginObject()
      json.name("code")
      json.value(code.rawValue)
      json.name("meaning")
      json.value(code.meaning)
      json.name("http_status")
      json.value(code.httpStatus)
      json.name("grpc_status")
      json.value(code.rpcStatus.rawValue)
      json.endObject()
    }
    json.name("limits")
    json.beginObject()
    json.name("message_bytes")
    json.value(HTTPRequest.maximumMessageBytes)
    json.name("deadline_ms")
    json.value(deadlineMilliseconds)
    json.endObject()
    json.endObject()
    return json.bytes
  }
}

extension JSONWriter {
  fileprivate mutating func list<T>(_ elements: [T], _ write: (inout JSONWriter, T) -> Void) {
    beginArray()
    for element in elements { write(&self, element) }
    endArray()
  }

  /// Who may call: `anyone`, `anyone-known-or-not`, `signed-in`, or the roles.
  fileprivate mutating func value(_ access: Access) {
    switch access {
    case .anyone: value("anyone")
    case .anyoneKnownOrNot: value("anyone-known-or-not")
    case .signedIn: value("signed-in")
    case .roles(let roles): list(roles) { $0.value($1.name) }
    }
  }

  fileprivate mutating func message(_ type: any RuledMessage.Type) {
    beginObject()
    name("type")
    value(type.protoMessageName)
    name("fields")
    list(type.rules) { $0.rule($1) }
    name("alternatives")
    list(type.alternatives) { $0.value($1) }
    endObject()
  }

  /// Writes what a rule says, and nothing that it leaves open.
  private mutating func rule(_ rule: FieldRule) {
    beginObject()
    name("name")
    value(rule.name)
    name("required")
    value(rule.isRequired)
    name("required_to_replace")
    value(rule.isRequiredToReplace)
    name("conditional")
    value(rule.isConditional)
    name("nullable")
    value(rule.isNullable)
    if rule.isRare {
      name("rare")
      value(true)
    }
    optional("min_length", rule.characters.flatMap { $0.lowerBound > 0 ? $0.lowerBound : nil })
    optional("max_length", rule.characters.flatMap { $0.upperBound < .max ? $0.upperBound : nil })
    optional("minimum", rule.range?.lowerBound)
    optional("maximum", rule.range?.upperBound)
    optional("max_items", rule.maximumItems)
    optional("pattern", rule.pattern)
    optional("format", rule.format)
    if !rule.values.isEmpty {
      name("values")
      list(rule.values) { $0.value($1) }
    }
    optional("default", rule.defaultValue)
    optional("example", rule.example)
    endObject()
  }

  private mutating func optional(_ name: StaticString, _ number: Int?) {
    guard let number else { return }
    self.name(name)
    value(number)
  }

  private mutating func optional(_ name: StaticString, _ text: String?) {
    guard let text else { return }
    self.name(name)
    value(text)
  }
}
