public import API
public import Endpoint

/// A request message that can arrive in every form: as the fields of a REST request, as a gRPC message, or
/// as JSON typed by hand. There is one for each `rpc`; the code is generated from the contract.
public protocol RequestMessage: Message {
  /// Reads the fields of the message.
  init(_ fields: inout Fields)

  /// Reads the parts of a REST request that are outside its fields, e.g. `If-Match`.
  mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations)

  /// Records the required fields that are missing. In a gRPC message, a text that is missing is empty.
  func addMissing(to violations: inout Violations)
}

extension RequestMessage {
  /// Reads nothing.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {}

  /// Records nothing.
  public func addMissing(to violations: inout Violations) {}
}

/// A message, and the faults of the fields from which it was read.
public typealias Decoded<Request> = (message: Request, violations: Violations)
