public import Values

/// What it takes to call another service of the system.
public struct ServiceAccess {
  /// Where its gRPC port is, e.g. `http://127.0.0.1:50051`; `nil` when it is not to be called.
  public let url: String?
  /// Where the circuit breaker for it keeps its state, for all processes of the host; `nil` for a state of
  /// this process's own.
  public let breakerFile: String?
  /// Makes the token that this service shows to the other.
  public let token: (_ now: Instant) throws -> String
  /// Is told, for the log, why a call came to nothing.
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
