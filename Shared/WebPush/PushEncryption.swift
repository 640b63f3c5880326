private import COpenSSL

/// Encrypts push messages so that only the browser can read them. Source: RFC 8291, RFC 8188.
public enum PushEncryption {
  /// The longest payload in bytes: with it the whole message has the 4,096 bytes that a push service must accept.
  public static let maximumPayloadBytes = 3993
  private static let recordSize: UInt32 = 4096
  private static let saltLength = 16
  private static let tagLength = 16

  /// Encrypts a payload: the header with the salt and our public key, then one record.
  ///
  /// - Parameters:
  ///   - payload: at most `maximumPayloadBytes`.
  ///   - subscription: the browser.
  ///   - length: the number of bytes to which a shorter payload is padded, so that its length reveals less. The
  ///     browser removes the padding.
  ///   - salt: 16 bytes that are never used twice; random ones by default.
  ///   - key: a key pair that is never used twice; a new one by default.
  /// - Returns: at most 4,096 bytes, of which 103 are not payload or padding.
  /// - Throws: `PushFailure`.
  public static func encrypt(
    _ payload: [UInt8],
    for subscription: PushSubscription,
    paddedTo length: Int = 0,
    salt: [UInt8]? = nil,
    key: PushKeyPair? = nil
  ) throws -> [UInt8] {
    guard payload.count <= maximumPayloadBytes else {
      throw PushFailure(
        "the payload has \(payload.count) bytes, more than \(maximumPayloadBytes)"
      )
    }
    let key = try key ?? PushKeyPair()
    let secret = try key.sharedSecret(with: subscription.p256dh)
    let inputKey = try derive(
      32,
      from: secret,
      salt: subscription.auth,
      info: Array("WebPush: info\0".utf8) + subscription.p256dh + key.publicKey
    )
    let padding = max(0, min(length, maximumPayloadBytes) - payload.count)
    return try encode(
      payload,
      padding: padding,
      inputKey: inputKey,
      salt: salt ?? randomSalt(),
      keyID: key.publicKey
    )
  }

  /// The content coding `aes128gcm` with one record. Source: RFC 8188 §2.
  ///
  /// - Throws: `PushFailure`.
  static func encode(
    _ payload: [UInt8],
    padding: Int,
    inputKey: [UInt8],
    salt: [UInt8],
    keyID: [UInt8]
  ) throws -> [UInt8] {
    guard salt.count == saltLength else {
      throw PushFailure("a salt has \(saltLength) bytes, not \(salt.count)")
    }
    let info = (key: "Content-Encoding: aes128gcm\0", nonce: "Content-Encoding: nonce\0")
    let key = try derive(16, from: inputKey, salt: salt, info: Array(info.key.utf8))
    let nonce = try derive(12, from: inputKey, salt: salt, info: Array(info.nonce.utf8))
    var message = salt
    withUnsafeBytes(of: recordSize.bigEndian) { message += $0 }
    message.append(UInt8(keyID.count))
    message += keyID
    // The 2 is the delimiter of the last record; what follows it is padding.
    let record = payload + [2] + [UInt8](repeating: 0, count: padding)
    message += try seal(record, key: key, nonce: nonce)
    return message
  }

  /// A salt from the random source of the kernel, as all of Swift's random numbers are.
  private static func randomSalt() -> [UInt8] {
    (0..<saltLength).map { _ in UInt8.random(in: 0...UInt8.max) }
  }

  /// HKDF with SHA-256. The corresponding C function is `EVP_KDF_derive`. Source: RFC 5869.
  private static func derive(
    _ count: Int,
    from key: [UInt8],
    salt: [UInt8],
    info: [UInt8]
  ) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: count)
    let isDone = tm_hkdf_sha256(
      key,
      key.count,
      salt,
      salt.count,
      info,
      info.count,
      &output,
      count
    )
    guard isDone == 1 else { throw PushFailure.libcrypto("HKDF failed") }
    return output
  }

  /// AES-128-GCM: as many bytes as `plain`, then a tag of 16 that authenticates them.
  ///
  /// The corresponding C functions are `EVP_EncryptUpdate` and `EVP_EncryptFinal_ex`.
  private static func seal(_ plain: [UInt8], key: [UInt8], nonce: [UInt8]) throws -> [UInt8] {
    let context = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(context) }
    var sealed = [UInt8](repeating: 0, count: plain.count)
    var tag = [UInt8](repeating: 0, count: tagLength)
    var count: Int32 = 0
    var rest: Int32 = 0
    guard context != nil, EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nil, key, nonce) == 1,
      EVP_EncryptUpdate(context, &sealed, &count, plain, Int32(plain.count)) == 1,
      Int(count) == plain.count,
      // A stream cipher has nothing left to write, but needs an address for it.
      EVP_EncryptFinal_ex(context, &tag, &rest) == 1, rest == 0,
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), &tag) == 1
    else { throw PushFailure.libcrypto("AES-128-GCM failed") }
    return sealed + tag
  }
}
