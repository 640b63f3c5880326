public import Values

/// How long to wait after a failure before the next attempt.
///
/// The first pause doubles with each further attempt, up to the longest one.
public struct Backoff: Equatable, Sendable {
  /// The share of a pause that is drawn at random, so that callers that failed together do not come back together.
  public enum Jitter: Sendable {
    /// Nothing: a pause always has its full length.
    case none
    /// Half: a pause has at least half of its length.
    case half
    /// All of it: a pause may be empty.
    case full
  }

  /// Ten doublings: more would not fit into any pause that is used here.
  private static let maximumDoublings = 10

  private let firstMicroseconds: Int64
  private let longestMicroseconds: Int64
  private let jitter: Jitter

  /// Pauses from `firstMicroseconds` up to `longestMicroseconds`.
  public init(firstMicroseconds: Int64, longestMicroseconds: Int64, jitter: Jitter) {
    self.firstMicroseconds = firstMicroseconds
    self.longestMicroseconds = longestMicroseconds
    self.jitter = jitter
  }

  /// Pauses from `firstSeconds` up to `longestSeconds`.
  public init(firstSeconds: Int64, longestSeconds: Int64, jitter: Jitter) {
    self.init(
      firstMicroseconds: firstSeconds * 1_000_000,
      longestMicroseconds: longestSeconds * 1_000_000,
      jitter: jitter
    )
  }

  /// The same pause after each attempt.
  public static func constant(seconds: Int64) -> Backoff {
    Backoff(firstSeconds: seconds, longestSeconds: seconds, jitter: .none)
  }

  /// The pause after an attempt, in microseconds.
  ///
  /// `attempts` is how many there have been, from 1.
  public func pauseMicroseconds(
    afterAttempts attempts: Int,
    random: inout some RandomNumberGenerator
  ) -> Int64 {
    let doublings = min(max(attempts, 1) - 1, Self.maximumDoublings)
    let whole = min(firstMicroseconds << Int64(doublings), longestMicroseconds)
    return switch jitter {
    case .none: whole
    case .half: Int64.random(in: whole / 2...whole, using: &random)
    case .full: Int64.random(in: 0...whole, using: &random)
    }
  }

  /// The time of the next attempt.
  ///
  /// `attempts` is how many there have been, from 1. `seconds` is how long the other side asks to be left alone.
  public func next(
    afterAttempts attempts: Int = 1,
    at now: Instant,
    atLeastSeconds seconds: Int = 0,
    random: inout some RandomNumberGenerator
  ) -> Instant {
    let pause = pauseMicroseconds(afterAttempts: attempts, random: &random)
    return Instant(microseconds: now.microseconds + max(pause, Int64(seconds) * 1_000_000))
  }

  /// The time of the next attempt, with the system's random numbers.
  public func next(
    afterAttempts attempts: Int = 1,
    at now: Instant,
    atLeastSeconds seconds: Int = 0
  ) -> Instant {
    var random = SystemRandomNumberGenerator()
    return next(afterAttempts: attempts, at: now, atLeastSeconds: seconds, random: &random)
  }
}
