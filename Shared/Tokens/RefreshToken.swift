public import Values

/// Makes and verifies refresh tokens.
///
/// A token is `kid.session.code`: the id of a key, 20 bytes that name the session and the generation, and
/// an HMAC-SHA256 code (256 bits) over them. It can be made again from the session and the key, so the same
/// successor can be issued twice without being stored; whoever has the database but not the key ring can make
/// none; and a token that was never issued can be told from one that was, whatever its age.
public enum RefreshTokens {
  /// The content of a genuine token.
  public struct Content: Equatable, Sendable {
    /// The session that it belongs to.
    public let sessionID: ID
    /// Its place in the family, from 0.
    public let generation: Int
  }

  private static let maximumBytes = 256

  /// The token of a session's generation; `nil` when the ring no longer has the key.
  public static func make(sessionID: ID, generation: Int, keyID: String, ring: KeyRing) -> String? {
    guard let key = ring.key(keyID) else { return nil }
    let content =
      bytes(of: sessionID) + (0..<4).map { UInt8(truncatingIfNeeded: generation >> (24 - 8 * $0)) }
    let code = key.refresh.code(content)
    return "\(keyID).\(Base64URL.encode(content)).\(Base64URL.encode(code))"
  }

  /// Reads a token that one of the keys has made.
  ///
  /// - Throws: `TokenError` `invalid`, `unknownKey`.
  public static func read(_ token: String, ring: KeyRing) throws -> Content {
    guard token.utf8.count <= maximumBytes else { throw TokenError.invalid("too long") }
    let segments = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard segments.count == 3, let content = Base64URL.decode(segments[1]), content.count == 20,
      let code = Base64URL.decode(segments[2])
    else { throw TokenError.invalid("not a refresh token issued by us") }
    guard let key = ring.key(String(decoding: segments[0], as: UTF8.self)) else {
      throw TokenError.unknownKey
    }
    guard HMACSHA256.isEqual(key.refresh.code(content), code) else {
      throw TokenError.invalid("wrong code")
    }
    let generation = content[16...].reduce(0) { $0 << 8 | Int($1) }
    return Content(sessionID: id(of: content[..<16]), generation: generation)
  }

  private static func bytes(of id: ID) -> [UInt8] {
    let digits = id.text.utf8.filter { $0 != UInt8(ascii: "-") }.map {
      $0 < 0x3A ? $0 - 0x30 : $0 - 0x57
    }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  private static func id(of bytes: ArraySlice<UInt8>) -> ID {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for (index, byte) in bytes.enumerated() {
      if index == 4 || index == 6 || index == 8 || index == 10 { text.append(UInt8(ascii: "-")) }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return ID(stored: String(decoding: text, as: UTF8.self))
  }
}
