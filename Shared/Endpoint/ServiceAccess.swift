public import Values

/// The means to call another service of the system.
public struct ServiceAccess {
  /// The URL of its gRPC port, e.g. `http://127.0.0.1:50051`; `nil` when it is not to be called.
  public let url: String?
  /// The file in which the circuit breaker keeps its state for all processes of the host; `nil` for a state of
  /// this process alone.
  public let breakerFile: String?
  /// Makes the token that this service presents to the other.
  public let token: (_ now: Instant) throws -> String
  /// Writes to the log why a call failed.
  public let report: (String) -> Void

  /// Access.
  public init(
    url: String?,
    breakerFile: String?,
    token: @escaping (_ now: Instant) throws -> String,
    report: @escaping (String) -> Void
  ) {
    self.url = url
    self.breakerFile = breakerFile
    self.token = token
    self.report = report
  }
}
