import Glibc

/// Standard input, output and error as bytes.
public enum StandardStreams {
  /// Reads to the end, or until `count` bytes have been read.
  public static func read(atMost count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = Glibc.read(
          STDIN_FILENO,
          buffer.baseAddress?.advanced(by: filled),
          count - filled
        )
        if read <= 0 { break }
        filled += read
      }
    }
  }

  /// Writes to standard output.
  public static func write(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

  /// Writes a line to standard error.
  public static func complain(_ line: String) {
    write(Array((line + "\n").utf8), to: STDERR_FILENO)
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    bytes.withUnsafeBytes { buffer in
      var sent = 0
      while sent < buffer.count {
        let written = Glibc.write(
          descriptor,
          buffer.baseAddress?.advanced(by: sent),
          buffer.count - sent
        )
        if written <= 0 { return }
        sent += written
      }
    }
  }
}
