private import CFile
import Glibc

/// A lock on a file, for the processes of one host. The system releases it when the process that holds it ends.
///
/// The corresponding C function is `flock`.
public final class FileLock {
  /// The result of an attempt to acquire the lock.
  public enum Acquisition: Equatable, Sendable {
    case acquired
    /// Another process has it.
    case isHeld
    /// The file cannot be opened.
    case unavailable
  }

  private let path: String
  /// The open file; negative as long as there is none.
  private(set) var descriptor: Int32 = -1

  /// A lock on a file that is created when it is first acquired, for its owner and group.
  public init(path: String) { self.path = path }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Tries to acquire the lock up to `attempts` times, with pauses between.
  public func acquire(attempts: Int = 1, pauseMicroseconds: UInt32 = 0) -> Acquisition {
    guard openFile() else { return .unavailable }
    for attempt in 1...max(attempts, 1) {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return .acquired }
      if attempt < attempts { usleep(pauseMicroseconds) }
    }
    return .isHeld
  }

  /// Releases the lock.
  public func release() { flock(descriptor, LOCK_UN) }

  private func openFile() -> Bool {
    if descriptor >= 0 { return true }
    // Others may write to the folder: a link there is not followed, and a file that somebody else has made is opened
    // without O_CREAT, which the kernel refuses in such a folder (fs.protected_regular).
    let flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW
    descriptor = open(path, flags)
    if descriptor < 0, errno == ENOENT {
      descriptor = open(path, flags | O_CREAT | O_EXCL, 0o660)
      if descriptor >= 0 {
        fchmod(descriptor, 0o660)  // the umask of the workers is narrower
      } else if errno == EEXIST {
        descriptor = open(path, flags)
      }
    }
    return descriptor >= 0
  }
}
