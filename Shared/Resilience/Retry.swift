import Glibc
public import Values

/// Attempts at something that may fail for a moment, with pauses between them.
public struct Retry: Sendable {
  private let maximumAttempts: Int
  private let backoff: Backoff

  /// Up to `maximumAttempts`.
  public init(maximumAttempts: Int, backoff: Backoff) {
    self.maximumAttempts = maximumAttempts
    self.backoff = backoff
  }

  /// Waits.
  ///
  /// The corresponding C function is `usleep`.
  public static func sleep(microseconds: UInt32) { usleep(microseconds) }

  /// Runs the operation until it succeeds, or fails for good: by an error that is not transient, in the last attempt, or when
  /// the deadline would pass during the pause.
  ///
  /// - Throws: what the operation threw last.
  public func run<T>(
    before deadline: Deadline = .never,
    sleep: (_ microseconds: UInt32) -> Void = Retry.sleep,
    while isTransient: (_ error: any Error) -> Bool,
    operation: () throws -> T
  ) throws -> T {
    var random = SystemRandomNumberGenerator()
    var attempts = 1
    while true {
      do {
        return try operation()
      } catch {
        guard attempts < maximumAttempts, isTransient(error) else { throw error }
        let pause = backoff.pauseMicroseconds(afterAttempts: attempts, random: &random)
        guard Int64(deadline.millisecondsLeft) > pause / 1000 else { throw error }
        sleep(UInt32(clamping: pause))
        attempts += 1
      }
    }
  }
}
