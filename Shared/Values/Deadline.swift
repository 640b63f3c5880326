import Glibc

/// A point on the monotonic clock after which waiting is useless.
public struct Deadline: Sendable, Comparable {
  /// Nanoseconds of `CLOCK_MONOTONIC`.
  private let nanoseconds: UInt64

  /// A number of milliseconds from now.
  public init(millisecondsFromNow: Int) {
    nanoseconds = Self.now + UInt64(max(0, millisecondsFromNow)) * 1_000_000
  }

  private init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// A point that never comes.
  public static let never = Deadline(nanoseconds: .max)

  /// Whether it has passed.
  public var hasPassed: Bool { millisecondsLeft == 0 }

  /// The milliseconds that are left, rounded up to whole ones; 0 when it has passed.
  public var millisecondsLeft: Int32 {
    let now = Self.now
    guard now < nanoseconds else { return 0 }
    return Int32(clamping: (nanoseconds - now + 999_999) / 1_000_000)
  }

  /// Orders by time.
  public static func < (left: Deadline, right: Deadline) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
