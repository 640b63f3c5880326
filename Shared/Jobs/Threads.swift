import Glibc
import Synchronization

/// Work on several threads.
public enum Threads {
  /// Runs `body` on so many threads, and waits until all have ended.
  ///
  /// The corresponding C functions are `pthread_create` and `pthread_join`.
  /// - Returns: the result of each.
  public static func run<T: Sendable>(
    _ count: Int,
    _ body: @escaping @Sendable (_ index: Int) -> T
  ) -> [T] {
    let work = (0..<count).map { index in Work { body(index) } }
    let threads = work.map { work -> pthread_t? in
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(work as AnyWork).toOpaque()
      let status = pthread_create(
        &thread,
        nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<AnyWork>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        },
        argument
      )
      guard status == 0 else {
        // When no thread can be had, this one does the work.
        Unmanaged<AnyWork>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }
      return thread
    }
    for case let thread? in threads { pthread_join(thread, nil) }
    return work.compactMap { $0.result.withLock { $0 } }
  }

  private class AnyWork: @unchecked Sendable {
    func run() {}
  }

  private final class Work<T: Sendable>: AnyWork, @unchecked Sendable {
    let result = Mutex<T?>(nil)
    private let body: @Sendable () -> T

    init(_ body: @escaping @Sendable () -> T) { self.body = body }

    override func run() {
      let value = body()
      result.withLock { $0 = value }
    }
  }
}
