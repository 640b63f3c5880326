private import COpenSSL

/// A private key on the curve P-256, with its public key. Source: FIPS 186-5, RFC 5480 §2.1.1.
public final class PushKeyPair: @unchecked Sendable {
  /// The length of a public key in bytes.
  public static let publicKeyLength = 65
  private static let coordinateLength = 32

  /// An `EVP_PKEY`, which is never changed from here on, so threads may share it.
  private let handle: OpaquePointer

  /// The public key, 65 bytes: an uncompressed point. Source: SEC 1 §2.3.3.
  public let publicKey: [UInt8]

  /// A new key pair.
  ///
  /// The corresponding C function is `EVP_EC_gen`.
  /// - Throws: `PushFailure`.
  public convenience init() throws { try self.init(owning: tm_p256_generate()) }

  /// The key pair of a private key of 32 bytes.
  ///
  /// The corresponding C function is `d2i_AutoPrivateKey`. Source: RFC 5915 §3.
  /// - Throws: `PushFailure`.
  public convenience init(privateKey: [UInt8]) throws {
    guard privateKey.count == Self.coordinateLength else {
      throw PushFailure("a private key on P-256 has 32 bytes, not \(privateKey.count)")
    }
    // The structure ECPrivateKey without the public key, which libcrypto then computes.
    let prefix: [UInt8] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20]
    let curve: [UInt8] = [0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
    let structure = prefix + privateKey + curve
    try self.init(
      owning: structure.withUnsafeBufferPointer { bytes in
        var position = bytes.baseAddress
        return d2i_AutoPrivateKey(nil, &position, bytes.count)
      }
    )
  }

  /// The key pair of a private key in PEM, as PKCS#8 (`openssl genpkey`) or as an EC key (`openssl ecparam -genkey`).
  ///
  /// The corresponding C function is `PEM_read_bio_PrivateKey`. Source: RFC 5915 §4, RFC 5958.
  /// - Throws: `PushFailure`.
  public convenience init(pem: [UInt8]) throws {
    try self.init(
      owning: pem.withUnsafeBytes { text in
        let source = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count))
        guard source != nil else { return nil }
        defer { BIO_free(source) }
        // Without a callback that supplies none, OpenSSL would ask for a key's passphrase on the terminal.
        return PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil)
      }
    )
  }

  private init(owning key: OpaquePointer?) throws {
    guard let key, Self.isOnP256(key), let point = Self.point(of: key) else {
      EVP_PKEY_free(key)
      throw PushFailure.libcrypto("there is no readable private key on the curve P-256")
    }
    handle = key
    publicKey = point
  }

  deinit { EVP_PKEY_free(handle) }

  /// The corresponding C function is `EVP_PKEY_get_group_name`.
  private static func isOnP256(_ key: OpaquePointer) -> Bool {
    var name = [CChar](repeating: 0, count: 64)
    var length = 0
    return EVP_PKEY_is_a(key, "EC") == 1
      && EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1
      && name.prefix(length).elementsEqual("prime256v1".utf8.map { CChar($0) })
  }

  /// The public point, read by its coordinates, because as a whole it may be in compressed form.
  ///
  /// The corresponding C function is `EVP_PKEY_get_bn_param`.
  private static func point(of key: OpaquePointer) -> [UInt8]? {
    var point: [UInt8] = [4]
    for name in ["qx", "qy"] {
      var number: OpaquePointer?
      defer { BN_free(number) }
      guard EVP_PKEY_get_bn_param(key, name, &number) == 1, let bytes = coordinate(number) else {
        return nil
      }
      point += bytes
    }
    return point
  }

  /// A number as 32 bytes in big-endian order. The corresponding C function is `BN_bn2binpad`.
  private static func coordinate(_ number: OpaquePointer?) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: coordinateLength)
    return BN_bn2binpad(number, &bytes, Int32(coordinateLength)) == Int32(coordinateLength)
      ? bytes : nil
  }

  /// Tells whether 65 bytes are an uncompressed point on the curve. The corresponding C function is
  /// `EVP_PKEY_fromdata`.
  static func isPublicKey(_ bytes: [UInt8]) -> Bool {
    guard bytes.count == publicKeyLength, bytes[0] == 4 else { return false }
    guard let key = tm_p256_public(bytes, bytes.count) else {
      ERR_clear_error()
      return false
    }
    EVP_PKEY_free(key)
    return true
  }

  /// The secret of 32 bytes that only this private key and the other side's yield.
  ///
  /// The corresponding C function is `EVP_PKEY_derive`. Source: RFC 8291 §3.1.
  /// - Throws: `PushFailure`.
  func sharedSecret(with publicKey: [UInt8]) throws -> [UInt8] {
    let peer = tm_p256_public(publicKey, publicKey.count)
    defer { EVP_PKEY_free(peer) }
    let context = EVP_PKEY_CTX_new(handle, nil)
    defer { EVP_PKEY_CTX_free(context) }
    var secret = [UInt8](repeating: 0, count: Self.coordinateLength)
    var count = secret.count
    guard peer != nil, context != nil, EVP_PKEY_derive_init(context) == 1,
      EVP_PKEY_derive_set_peer(context, peer) == 1,
      EVP_PKEY_derive(context, &secret, &count) == 1, count == secret.count
    else { throw PushFailure.libcrypto("the keys of the two sides yield no secret") }
    return secret
  }

  /// An ES256 signature of 64 bytes: r, then s.
  ///
  /// The corresponding C function is `EVP_DigestSign`. Source: RFC 7518 §3.4.
  /// - Throws: `PushFailure`.
  func sign(_ message: [UInt8]) throws -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    var structure = [UInt8](repeating: 0, count: 80)
    var count = structure.count
    guard context != nil, EVP_DigestSignInit(context, nil, EVP_sha256(), nil, handle) == 1,
      EVP_DigestSign(context, &structure, &count, message, message.count) == 1
    else { throw PushFailure.libcrypto("the signature failed") }
    let signature = structure.withUnsafeBufferPointer { bytes in
      var position = bytes.baseAddress
      return d2i_ECDSA_SIG(nil, &position, count)
    }
    defer { ECDSA_SIG_free(signature) }
    guard let signature, let first = Self.coordinate(ECDSA_SIG_get0_r(signature)),
      let second = Self.coordinate(ECDSA_SIG_get0_s(signature))
    else { throw PushFailure.libcrypto("the signature is not valid") }
    return first + second
  }
}
