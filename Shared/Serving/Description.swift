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
    json.member("function", name)
    json.member("summary", F.summary)
    json.name("methods")
    json.list(F.route.methods) { $0.value($1.rawValue) }
    json.member("path", F.route.path)
    json.member("creates", F.route.creates)
    json.member("maybe_pending", F.Response.maybePending)
    json.member("reads_body", F.route.readsBody)
    json.member("rpc", F.route.rpc)
    json.member("streams", F.route.streams)
    json.name("access")
    json.value(F.access)
    json.name("request")
    json.message(F.Request.self)
    json.name("response")
    json.message(F.Response.self)
    json.name("problems")
    json.list(F.everyProblem) { json, code in
      json.beginObject()
      json.member("code", code.rawValue)
      json.member("meaning", code.meaning)
      json.member("http_status", code.httpStatus)
      json.member("grpc_status", code.rpcStatus.rawValue)
      json.endObject()
    }
    json.name("limits")
    json.beginObject()
    json.member("message_bytes", HTTPRequest.maximumMessageBytes)
    json.member("deadline_ms", deadlineMilliseconds)
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
    member("type", type.protoMessageName)
    name("fields")
    list(type.rules) { $0.rule($1) }
    name("alternatives")
    list(type.alternatives) { $0.value($1) }
    if !type.inner.isEmpty {
      name("inner")
      list(type.inner) { $0.message($1) }
    }
    endObject()
  }

  /// Writes what a rule says, and nothing that it leaves open.
  private mutating func rule(_ rule: FieldRule) {
    beginObject()
    member("name", rule.name)
    member("required", rule.isRequired)
    member("required_to_replace", rule.isRequiredToReplace)
    member("conditional", rule.isConditional)
    member("nullable", rule.isNullable)
    if rule.isRare {
      member("rare", true)
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
    member(name, number)
  }

  private mutating func optional(_ name: StaticString, _ text: String?) {
    guard let text else { return }
    member(name, text)
  }
}
