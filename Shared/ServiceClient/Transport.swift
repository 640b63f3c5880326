public import API
import Resilience
public import Values

/// Carries a gRPC call to a service, and its answer back.
public protocol Transport {
  /// Sends a message and waits for the answer.
  ///
  /// - Throws: `CallFailure` when there is none, or when it is not a success.
  func call(
    _ rpc: String,
    message: [UInt8],
    metadata: [(name: String, value: String)],
    deadline: Deadline
  ) throws -> [UInt8]
}

/// A call that did not succeed.
public struct CallFailure: Error, Equatable {
  /// The status that the service gave, or that stands for its absence.
  public let status: RPCStatus
  /// One sentence, for the log.
  public let message: String

  /// A failure.
  public init(_ status: RPCStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// Whether the gateway refused the caller, which says nothing about the service.
  var isAboutTheCaller: Bool { status == .resourceExhausted || status == .unauthenticated }

  /// Whether the service itself is in trouble, rather than the request.
  var isOutage: Bool {
    switch status {
    case .unavailable, .deadlineExceeded, .internal, .unknown, .unimplemented: true
    default: false
    }
  }
}
