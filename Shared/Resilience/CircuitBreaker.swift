private import CCurl
import Glibc
public import Values

/// Keeps calls away from a service that does not answer, so that each costs nothing instead of a time-out.
///
/// After a number of failures in a row the circuit is open: nobody calls. When the pause is over one call is
/// let through to see; its success closes the circuit, its failure begins another pause. The state is in a
/// file, so that all processes of the host share it; a process that cannot have the file lets calls through.
public final class CircuitBreaker {
  /// Failures in a row that open the circuit.
  public static let threshold: Int64 = 5
  /// How long it stays open when nothing else is said, in microseconds.
  public static let usualPauseMicroseconds: Int64 = 2_000_000

  private struct State {
    var failures: Int64 = 0
    /// Microseconds since 1970.
    var openUntil: Int64 = 0

    /// Whether this was written here, and not by chance or by malice.
    var isPossible: Bool {
      (0...CircuitBreaker.threshold).contains(failures) && (0...Int64.max / 2).contains(openUntil)
    }
  }

  private let path: String?
  private let pauseMicroseconds: Int64
  private var descriptor: Int32 = -1
  private var own = State()

  /// A circuit breaker with its state in a file that is made when needed; without one, this process's own.
  public init(path: String?, pauseMicroseconds: Int64 = CircuitBreaker.usualPauseMicroseconds) {
    self.path = path
    self.pauseMicroseconds = pauseMicroseconds
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Whether a call may be made. Who is told so when the circuit is open is the one who tries it, and must
  /// `record` the outcome.
  public func admits(at now: Instant) -> Bool {
    withState { state in
      guard state.failures >= Self.threshold else { return true }
      // A time further away than any pause is from a clock that has been set back.
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

  /// Changes the state under a lock; `nil` when the file cannot be had.
  private func withState<T>(_ body: (inout State) -> T) -> T? {
    guard let path else { return body(&own) }
    guard openFile(path), lock() else { return nil }
    defer { flock(descriptor, LOCK_UN) }
    var state = State()
    // A short file is a new one, or one that an operator has emptied to close the circuit.
    let size = MemoryLayout<State>.size
    if pread(descriptor, &state, size, 0) != size || !state.isPossible { state = State() }
    let before = state
    let result = body(&state)
    if state.failures != before.failures || state.openUntil != before.openUntil {
      pwrite(descriptor, &state, size, 0)
    }
    return result
  }

  private func openFile(_ path: String) -> Bool {
    if descriptor >= 0 { return true }
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o660)
    // The umask of the workers is narrower; only who made the file may widen it.
    if descriptor >= 0 { fchmod(descriptor, 0o660) }
    return descriptor >= 0
  }

  /// Who holds the lock lets it go within microseconds, unless it was stopped: nobody waits for that.
  private func lock() -> Bool {
    for _ in 0..<20 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
      usleep(100)
    }
    return false
  }
}
