import Foundation
import Synchronization

/// Work on a thread of its own.
///
/// A call to the database blocks its thread, and the pool behind `async` has
/// too few threads for what must happen at once.
final class Background<T: Sendable>: Sendable {
  private let result = Mutex<Result<T, any Error>?>(nil)
  private let isDone = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () throws -> T) {
    Thread { [self] in
      let outcome = Result { try body() }
      result.withLock { $0 = outcome }
      isDone.signal()
    }.start()
  }

  /// Waits for the end; may be called once.
  func outcome() -> Result<T, any Error> {
    isDone.wait()
    return result.withLock { $0 ?? .failure(CancellationError()) }
  }
}

/// Runs `body` on `count` threads that start together, and returns what each returned or threw.
func onThreads<T: Sendable>(
  _ count: Int,
  _ body: @escaping @Sendable (_ index: Int) throws -> T
) -> [Result<T, any Error>] {
  let start = DispatchSemaphore(value: 0)
  let threads = (0..<count).map { index in
    Background {
      start.wait()
      return try body(index)
    }
  }
  for _ in threads { start.signal() }
  return threads.map { $0.outcome() }
}

/// The result of `body`, and the time that it took.
func timed<T>(_ body: () throws -> T) rethrows -> (result: T, seconds: Double) {
  let start = Date()
  let result = try body()
  return (result, Date().timeIntervalSince(start))
}
