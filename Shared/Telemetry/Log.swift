import Glibc
public import JSON
public import Values

/// Writes one JSON object per line, whole lines with a single `write`, so that the lines of many processes never
/// mix. A file that has grown past its limit is renamed to `<file>.1`, and a new one is begun.
public final class Log {
  /// The severity of an entry.
  public enum Level: Int, Comparable, Sendable, CaseIterable {
    case debug
    case info
    case warning
    case error
    case off

    /// The name in a log line and in the settings.
    public var name: String {
      switch self {
      case .debug: "debug"
      case .info: "info"
      case .warning: "warning"
      case .error: "error"
      case .off: "off"
      }
    }

    /// Orders by severity.
    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// Entries below this level are not written.
  public let level: Level

  private static let checkEverySeconds: Int64 = 1

  private let function: String
  private let path: String?
  private let maximumBytes: Int
  /// Whether lines may wait for `flush()`, or for the first line that is 100 ms younger. Warnings and errors never
  /// wait.
  public var gathers = false

  private static let maximumWaitMicroseconds: Int64 = 100_000
  /// The lines that wait fit into a buffer of this size, which is allocated once: an array that grew with them would
  /// end twice as large, and leave its smaller forms as holes in the heap of every worker.
  private static let maximumWaitingBytes = 8192

  private var waiting: [UInt8] = []
  private var waitingSince: Instant?
  private var descriptor: Int32 = 2
  private var checkedAt: Int64 = 0

  /// A log of one function, written to a file or, without one, to standard error.
  public init(function: String, level: Level, path: String?, maximumBytes: Int) {
    self.function = function
    self.level = level
    self.path = path
    self.maximumBytes = maximumBytes
    openFile()
  }

  deinit {
    flush()
    if descriptor > 2 { close(descriptor) }
  }

  /// Writes an entry; `fields` adds its members.
  public func write(_ level: Level, at now: Instant, _ fields: (inout JSONWriter) -> Void) {
    guard level >= self.level, level != .off else { return }
    rotateIfDue(now.seconds)
    var line = JSONWriter(capacity: 384)
    line.beginObject()
    line.name("time")
    line.plainValue(maximum: Instant.maximumLength) { now.write(to: $0) }
    line.member("level", level.name)
    line.member("function", function)
    fields(&line)
    line.endObject()
    line.endLine()
    let since = waitingSince ?? now
    let mayWait =
      gathers && level < .warning
      && abs(now.microseconds - since.microseconds) <= Self.maximumWaitMicroseconds
    line.withBytes { bytes in
      if mayWait, waiting.count + bytes.count <= Self.maximumWaitingBytes {
        if waiting.isEmpty { waiting.reserveCapacity(Self.maximumWaitingBytes) }
        waitingSince = since
        waiting.append(contentsOf: bytes)
      } else {
        flush()
        _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      }
    }
  }

  /// Writes the waiting lines.
  public func flush() {
    guard waitingSince != nil else { return }
    waiting.withUnsafeBytes { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    waiting.removeAll(keepingCapacity: true)
    waitingSince = nil
  }

  /// Writes an entry with a message.
  public func write(_ level: Level, at now: Instant, message: String) {
    write(level, at: now) {
      $0.member("message", message)
    }
  }

  private func openFile() {
    guard let path else { return }
    let opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    guard opened >= 0 else { return }
    if descriptor > 2 { close(descriptor) }
    descriptor = opened
  }

  /// Once a second, follows the file when somebody has renamed it, and renames it when it is full. Of several
  /// processes that find it full, the one with the lock renames it, if the name still refers to that file.
  private func rotateIfDue(_ now: Int64) {
    guard let path, abs(now - checkedAt) >= Self.checkEverySeconds else { return }
    checkedAt = now
    flush()
    guard descriptor > 2 else { return openFile() }
    var opened = stat()
    var named = stat()
    guard fstat(descriptor, &opened) == 0 else { return }
    guard stat(path, &named) == 0, named.st_ino == opened.st_ino else { return openFile() }
    guard opened.st_size > maximumBytes, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
    defer { openFile() }
    if stat(path, &named) == 0, named.st_ino == opened.st_ino { rename(path, path + ".1") }
  }
}
