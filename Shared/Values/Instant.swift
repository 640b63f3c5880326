/// A point in time, in whole microseconds since 1970-01-01T00:00:00Z (leap seconds not counted).
///
/// PostgreSQL's `timestamptz` keeps microseconds too, so no value changes on its way there and back.
public struct Instant: Hashable, Comparable, Sendable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  public var microseconds: Int64

  /// An instant from microseconds since 1970-01-01T00:00:00Z.
  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// An instant from whole seconds since 1970-01-01T00:00:00Z.
  public init(seconds: Int64) { self.microseconds = seconds * 1_000_000 }

  /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
  public var seconds: Int64 {
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    return remainder < 0 ? quotient - 1 : quotient
  }

  /// The instant `seconds` later, or earlier when negative.
  public func adding(seconds: Int64) -> Instant {
    Instant(microseconds: microseconds + seconds * 1_000_000)
  }

  /// Orders by time.
  public static func < (left: Instant, right: Instant) -> Bool {
    left.microseconds < right.microseconds
  }
}
