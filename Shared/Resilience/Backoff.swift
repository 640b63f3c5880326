public import Values

/// When something that did not work is tried again.
public enum Backoff {
  private static let firstSeconds: Int64 = 30
  private static let longestSeconds: Int64 = 3600

  /// After so many attempts: twice as long each time, from half a minute up to an hour, and a part of that by
  /// chance, so that what failed together does not come back together. `atLeastSeconds` is what the other side asks
  /// for.
  public static func next(
    afterAttempts attempts: Int,
    at now: Instant,
    atLeastSeconds: Int = 0,
    random: inout some RandomNumberGenerator
  ) -> Instant {
    let exponent = min(max(attempts, 1) - 1, 10)
    let seconds = min(firstSeconds << Int64(exponent), longestSeconds)
    let drawn = Int64.random(in: seconds / 2...seconds, using: &random)
    return now.adding(seconds: max(drawn, Int64(atLeastSeconds)))
  }
}
