import Contract
import Descriptors
import Endpoint
import Generation

/// The contract, read independently of what is generated from it, and the queries of the tests, which cover every field
/// that is added to it without further changes.
struct ContractWitness {
  /// A message that the contract does not have, or a type without a test value.
  struct Unknown: Error { let name: String }

  let registry: Registry

  init() throws {
    var registry = try Registry(descriptorSet: ContractFiles.encoded)
    // The gateway's own methods are not in the files for clients.
    for contract in [FunctionContract.verifyToken, .checkSession, .health] {
      registry.functions.append(try FunctionLine.decode("\(contract.description)"))
    }
    self.registry = registry
  }

  /// The full names of the messages that calls take.
  var requests: Set<String> { Set(own.map(\.request)) }

  /// The full names of the messages that calls give back.
  var responses: Set<String> { Set(own.map(\.response)) }

  private var own: [FunctionDescription] {
    registry.functions.filter { !$0.request.hasPrefix("grpc.") }
  }

  private func message(_ name: String) throws -> MessageDescription {
    guard let found = registry.message(name) else { throw Unknown(name: name) }
    return found
  }

  /// The names of a message's fields.
  func fields(of message: String) -> Set<String> {
    Set((registry.message(message)?.fields ?? []).map(\.name))
  }

  /// The names of the required fields, including those of inner messages (`keys.auth`).
  func required(_ message: String) -> Set<String> {
    Set((registry.message(message)?.fields ?? []).filter(\.isRequired).map(\.name))
  }

  /// A message as JSON in which every field is set, except for some, and no two texts are the same.
  func json(of message: String, omitting: Set<String> = []) throws -> String {
    let members = try self.message(message).fields.filter { !omitting.contains($0.name) }.map {
      field in
      var value = try value(field)
      if field.kind == .map {
        value = "{\"one\":\"the \(field.name)\",\"two\":\"the \(field.name)\"}"
      } else if field.isRepeated {
        value = "[\(value),\(value)]"
      }
      return "\"\(field.name)\":\(value)"
    }
    return "{" + members.joined(separator: ",") + "}"
  }

  private func value(_ field: FieldDescription) throws -> String {
    switch field.kind {
    case .string: return "\"the \(field.name), \\\"é\\\"\""
    case .bool: return "true"
    case .int32: return "-7"
    // Too large for a floating point number to distinguish it from its neighbour.
    case .int64: return "9007199254740993"
    case .timestamp: return "\"2026-11-22T10:00:00.123456Z\""
    case .fieldMask: return "\"\(field.name)\""
    case .message: return try json(of: field.typeName)
    case .enumeration: return "\"\(field.values.last ?? "")\""
    case .map: return "{}"
    case .other: throw Unknown(name: field.name)
    }
  }
}
