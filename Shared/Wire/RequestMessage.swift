public import API
public import Endpoint

/// A request message that comes in by every door: as the fields of a REST request, as a gRPC message, or
/// as JSON by hand. One for each `rpc`; the code of each is generated from the contract.
public protocol RequestMessage: Message {
  /// Takes the fields that the message has.
  init(_ fields: inout Fields)

  /// Takes from a REST request what stands outside its fields, e.g. `If-Match`.
  mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations)

  /// Notes the required fields that are not there. In a gRPC message a text that is not there is empty.
  func addMissing(to violations: inout Violations)
}

extension RequestMessage {
  /// Nothing stands outside.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {}

  /// Nothing is required.
  public func addMissing(to violations: inout Violations) {}
}

/// A message together with what is wrong with the fields that it was read from.
public typealias Decoded<Request> = (message: Request, violations: Violations)
