private import COpenSSL

/// The reason why a push message or its authorization cannot be made.
public struct PushFailure: Error, Equatable, CustomStringConvertible {
  /// One sentence, which never quotes a private key.
  public let message: String

  /// One sentence, for people.
  public var description: String { message }

  init(_ message: String) { self.message = message }

  /// A failure of libcrypto, whose error queue is cleared: an error that stays in it would be taken for a failure of
  /// the next TLS connection. The corresponding C function is `ERR_clear_error`.
  static func libcrypto(_ message: String) -> PushFailure {
    ERR_clear_error()
    return PushFailure(message)
  }
}
