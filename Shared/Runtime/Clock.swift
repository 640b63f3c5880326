import Glibc
public import Values

/// The system's clocks.
public enum Clock {
  /// The time of day.
  public static func now() -> Instant {
    let time = read(CLOCK_REALTIME)
    return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  /// The microseconds of the monotonic clock, to measure durations.
  public static func monotonicMicroseconds() -> Int64 {
    let time = read(CLOCK_MONOTONIC)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  private static func read(_ clock: clockid_t) -> timespec {
    var time = timespec()
    clock_gettime(clock, &time)
    return time
  }
}
