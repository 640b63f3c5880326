public import API
public import Endpoint

/// A request message that comes in by every door: as the fields of a REST request, as a gRPC message, or
/// as JSON by hand. One for each `rpc`.
public protocol RequestMessage: RuledMessage {
  /// Takes the fields that the message has.
  init(_ fields: inout Fields)

  /// Takes from a REST request what stands outside its fields, e.g. `If-Match`.
  mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations)

  /// The texts that must be there, by name. In a gRPC message one that is not there is empty.
  var required: KeyValuePairs<String, String> { get }
}

extension RequestMessage {
  /// Nothing stands outside.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {}

  /// Nothing must be there.
  public var required: KeyValuePairs<String, String> { [:] }

  /// What is missing.
  var missing: Violations {
    var violations = Violations()
    for (name, value) in required where value.isEmpty {
      violations.add(name, "is required")
    }
    return violations
  }
}

/// A message together with what is wrong with the fields that it was read from.
public typealias Decoded<Request> = (message: Request, violations: Violations)
