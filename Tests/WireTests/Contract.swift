import Descriptors

/// What the tests ask of the contract, so that whatever is added there is asked for by them without anyone
/// having to think of it.
extension Contract {
  /// A message that the contract does not have, or a type that no test value is known for.
  struct Unknown: Error { let name: String }

  /// What is defined and not built yet, or is not ours.
  private static let others = ["grpc.", "google."]

  /// The full names of the messages that calls take, and those that only the gateway asks with.
  var requests: Set<String> {
    Set(own.map(\.request) + ["gateway.v1.ProbeRequest", "gateway.v1.SessionQuestion"])
  }

  /// The full names of the messages that calls give back.
  var responses: Set<String> { Set(own.map(\.response) + ["gateway.v1.ProbeResponse"]) }

  private var own: [Method] {
    methods.values.filter { method in !Self.others.contains { method.name.hasPrefix($0) } }
  }

  /// The names of a message's fields.
  func fields(of message: String) -> Set<String> {
    Set((messages[message]?.fields ?? []).map(\.name))
  }

  /// A message as JSON in which every field is set, but for some; no two texts in it are the same.
  func json(of message: String, omitting: Set<String> = []) throws -> String {
    guard let fields = messages[message]?.fields else { throw Unknown(name: message) }
    let members = try fields.filter { !omitting.contains($0.name) }.map { field in
      var value = try value(field.kind, field.name)
      if case .message(let type) = field.kind, type.hasSuffix("Entry") {
        value = "{\"one\":\"the \(field.name)\",\"two\":\"the \(field.name)\"}"
      } else if field.isRepeated {
        value = "[\(value),\(value)]"
      }
      return "\"\(field.name)\":\(value)"
    }
    return "{" + members.joined(separator: ",") + "}"
  }

  private func value(_ kind: Field.Kind, _ name: String) throws -> String {
    switch kind {
    case .string: return "\"the \(name), \\\"é\\\"\""
    case .bool: return "true"
    case .int32: return "-7"
    // More than a floating point number can tell from its neighbour.
    case .int64: return "9007199254740993"
    case .message("google.protobuf.Timestamp"): return "\"2026-11-22T10:00:00.123456Z\""
    case .message("google.protobuf.FieldMask"): return "\"\(name)\""
    case .message(let type): return try json(of: type)
    case .enumeration(let type): return "\"\(enumerations[type]?.last ?? "")\""
    case .other: throw Unknown(name: name)
    }
  }
}
