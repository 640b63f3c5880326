private import COpenSSL
import Synchronization

/// HMAC with SHA-256, through libcrypto. Source: RFC 2104, FIPS 180-4.
public enum HMACSHA256 {
  /// The length of a code in bytes.
  public static let length = 32

  /// Compares in a time that depends on the lengths alone. The corresponding C function is `CRYPTO_memcmp`.
  public static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
  }
}

/// A key that is prepared once and used for many codes: looking up the algorithm and hashing the key takes four
/// times as long as hashing a short message.
public final class HMACKey: @unchecked Sendable {
  /// Locked while the context is in use.
  private let lock = Mutex<Void>(())
  private let context: OpaquePointer?

  /// A key. The corresponding C functions are `EVP_MAC_fetch` and `EVP_MAC_init`.
  public init(_ key: [UInt8]) {
    let algorithm = EVP_MAC_fetch(nil, "HMAC", nil)
    context = EVP_MAC_CTX_new(algorithm)
    EVP_MAC_free(algorithm)  // the context has its own reference
    // An empty array may have no address, which would mean "the key from before".
    let bytes = key.isEmpty ? [0] : key
    let isReady = tm_hmac_sha256_init(context, bytes, key.count)
    precondition(isReady == 1, "libcrypto has no HMAC with SHA-256")
  }

  deinit { EVP_MAC_CTX_free(context) }

  /// The code of a message: 32 bytes. The corresponding C functions are `EVP_MAC_update` and `EVP_MAC_final`.
  public func code(_ message: some Collection<UInt8>) -> [UInt8] {
    if let code = message.withContiguousStorageIfAvailable({ code(of: UnsafeRawBufferPointer($0)) })
    {
      return code
    }
    return ContiguousArray(message).withUnsafeBytes { code(of: $0) }
  }

  /// As `code(_:)`.
  public func code(of message: UnsafeRawBufferPointer) -> [UInt8] {
    lock.withLock { _ in
      [UInt8](unsafeUninitializedCapacity: HMACSHA256.length) { code, count in
        // Without a key, it starts again with the one that it has.
        let isDone =
          EVP_MAC_init(context, nil, 0, nil) == 1
          && EVP_MAC_update(context, message.baseAddress, message.count) == 1
          && EVP_MAC_final(context, code.baseAddress, &count, HMACSHA256.length) == 1
        precondition(isDone && count == HMACSHA256.length, "HMAC failed")
      }
    }
  }
}

/// SHA-256 as 64 lower-case hexadecimal digits. The corresponding C function is `SHA256`.
public func sha256Hexadecimal(_ text: String) -> String {
  var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
  let bytes = Array(text.utf8)
  _ = SHA256(bytes, bytes.count, &digest)
  let digits = Array("0123456789abcdef".utf8)
  return String(
    decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
    as: UTF8.self
  )
}
