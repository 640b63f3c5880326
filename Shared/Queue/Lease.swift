public import Values

/// How long a worker may keep what it has claimed before another one may claim it.
public struct Lease: Equatable, Sendable {
  /// The length, in seconds.
  public let seconds: Int
  /// How long after the claim an item may still be begun, in milliseconds: the rest of the lease is for processing it.
  public let beginMilliseconds: Int

  /// A lease. By default, items may be begun during the first three tenths of it.
  public init(seconds: Int, beginMilliseconds: Int? = nil) {
    self.seconds = seconds
    self.beginMilliseconds = beginMilliseconds ?? seconds * 300
  }

  /// When a lease that begins now ends.
  public func end(from now: Instant) -> Instant { now.adding(seconds: Int64(seconds)) }
}
