/// Counts failures in a row, so that work stops that has no chance to succeed.
public struct FailureStreak: Equatable, Sendable {
  private let limit: Int
  private var failures = 0

  /// No failure yet; `limit` of them in a row are too many.
  public init(limit: Int) { self.limit = limit }

  /// Whether there have been too many.
  public var isTooLong: Bool { failures >= limit }

  /// Counts a failure.
  public mutating func recordFailure() { failures += 1 }

  /// Begins anew after a success.
  public mutating func recordSuccess() { failures = 0 }
}
