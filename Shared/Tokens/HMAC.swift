private import COpenSSL

/// HMAC with SHA-256, through libcrypto. Source: RFC 2104, FIPS 180-4.
public enum HMACSHA256 {
  /// Bytes of a code.
  public static let length = 32

  /// The code of a message. The corresponding C function is `HMAC`.
  public static func code(_ message: some Collection<UInt8>, key: [UInt8]) -> [UInt8] {
    if let code = message.withContiguousStorageIfAvailable({ code(buffer: $0, key: key) }) {
      return code
    }
    return ContiguousArray(message).withUnsafeBufferPointer { code(buffer: $0, key: key) }
  }

  private static func code(buffer message: UnsafeBufferPointer<UInt8>, key: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: length)
    var count: UInt32 = 0
    _ = HMAC(EVP_sha256(), key, Int32(key.count), message.baseAddress, message.count, &code, &count)
    return code
  }

  /// Compares in a time that depends on the lengths alone. The corresponding C function is `CRYPTO_memcmp`.
  public static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
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
