import Glibc
public import Values

/// Keeps calls away from a service that does not answer, so that each costs nothing instead of a time-out.
///
/// After a number of failures in a row the circuit is open: nobody calls. When the pause is over, one call is
/// let through as a probe; its success closes the circuit, its failure begins another pause. The state is kept in
/// a file that all processes of the host share; a process that cannot open the file lets calls through.
public final class CircuitBreaker {
  /// Failures in a row that open the circuit.
  public static let threshold: Int64 = 5
  /// How long it stays open by default, in microseconds.
  public static let usualPauseMicroseconds: Int64 = 2_000_000

  /// The holder of the lock releases it within microseconds, unless it was stopped: nobody waits for that.
  private static let lockAttempts = 20
  private static let lockPauseMicroseconds: UInt32 = 100

  private struct State {
    var failures: Int64 = 0
    /// Microseconds since 1970.
    var openUntil: Int64 = 0

    /// Whether a circuit breaker may have written it, rather than chance or malice.
    var isPossible: Bool {
      (0...CircuitBreaker.threshold).contains(failures) && (0...Int64.max / 2).contains(openUntil)
    }
  }

  private let file: FileLock?
  private let pauseMicroseconds: Int64
  private var own = State()

  /// A circuit breaker that keeps its state in a file, which is created when needed; without a path, in this process.
  public init(path: String?, pauseMicroseconds: Int64 = CircuitBreaker.usualPauseMicroseconds) {
    file = path.map(FileLock.init(path:))
    self.pauseMicroseconds = pauseMicroseconds
  }

  /// Whether a call may be made. A caller that is admitted while the circuit is open makes the probe, and must
  /// `record` how it went.
  public func admits(at now: Instant) -> Bool {
    withState { state in
      guard state.failures >= Self.threshold else { return true }
      // A time further away than any pause comes from a clock that has been set back since.
      let left = state.openUntil - now.microseconds
      guard left <= 0 || left > pauseMicroseconds else { return false }
      state.openUntil = now.microseconds + pauseMicroseconds
      return true
    } ?? true
  }

  /// Notes how a call went.
  public func record(success: Bool, at now: Instant) {
    _ = withState { state in
      if success {
        state = State()
      } else {
        state.failures = min(state.failures + 1, Self.threshold)
        state.openUntil = now.microseconds + pauseMicroseconds
      }
    }
  }

  /// Changes the state under the lock.
  ///
  /// - Returns: `nil` when the file is not to be had.
  private func withState<T>(_ body: (inout State) -> T) -> T? {
    guard let file else { return body(&own) }
    let acquisition = file.acquire(
      attempts: Self.lockAttempts,
      pauseMicroseconds: Self.lockPauseMicroseconds
    )
    guard acquisition == .acquired else { return nil }
    defer { file.release() }
    var state = State()
    // A short file is new, or was emptied by an operator to close the circuit.
    let size = MemoryLayout<State>.size
    if pread(file.descriptor, &state, size, 0) != size || !state.isPossible { state = State() }
    let before = state
    let result = body(&state)
    if state.failures != before.failures || state.openUntil != before.openUntil {
      pwrite(file.descriptor, &state, size, 0)
    }
    return result
  }
}
