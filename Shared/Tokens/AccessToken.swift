import Glibc
import JSON
import Synchronization
public import Values

/// The claims of an access token. Source: RFC 7519 §4.1 for all but `role` and `sid`.
public struct AccessClaims: Equatable, Sendable {
  /// The user's id.
  public var subject: String
  /// The name that the user's role has in the contract.
  public var role: String
  /// The session; `nil` for services.
  public var sessionID: String?
  /// The token's own id.
  public var tokenID: String
  /// The time when it was issued, in seconds since 1970.
  public var issuedAt: Int64
  /// The time from which it is valid, in seconds since 1970.
  public var notBefore: Int64
  /// The time from which it is no longer valid, in seconds since 1970.
  public var expiresAt: Int64

  /// Claims.
  public init(
    subject: String,
    role: String,
    sessionID: String?,
    tokenID: String,
    issuedAt: Int64,
    notBefore: Int64? = nil,
    expiresAt: Int64
  ) {
    self.subject = subject
    self.role = role
    self.sessionID = sessionID
    self.tokenID = tokenID
    self.issuedAt = issuedAt
    self.notBefore = notBefore ?? issuedAt
    self.expiresAt = expiresAt
  }
}

/// The reason why a token is refused.
public enum TokenError: Error, Equatable {
  /// It was not issued by us, or was tampered with. The reason is for the log.
  case invalid(String)
  /// It names a key that the ring does not have: a made-up one, or one that was added just now.
  case unknownKey
  /// It was valid until it expired.
  case expired
}

/// Makes and verifies access tokens: JWTs signed with HMAC-SHA256. Source: RFC 7515, RFC 7519, RFC 8725.
///
/// It remembers the claims of the tokens that it has verified recently.
public final class AccessTokens: Sendable {
  private static let maximumBytes = 4096
  /// The seconds by which the clocks of two hosts may differ.
  private static let leewaySeconds: Int64 = 5

  private let issuer: String
  private let audience: String
  private let known = Mutex(KnownClaims())

  /// Tokens of an issuer for an audience.
  public init(issuer: String, audience: String) {
    self.issuer = issuer
    self.audience = audience
  }

  /// Signs claims with the ring's signing key.
  public func sign(_ claims: AccessClaims, with ring: KeyRing) -> String {
    var payload = JSONWriter(capacity: 320)
    payload.beginObject()
    payload.member("iss", issuer)
    payload.member("aud", audience)
    payload.member("sub", claims.subject)
    payload.member("role", claims.role)
    if let sessionID = claims.sessionID {
      payload.member("sid", sessionID)
    }
    payload.member("jti", claims.tokenID)
    payload.member("iat", claims.issuedAt)
    payload.member("nbf", claims.notBefore)
    payload.member("exp", claims.expiresAt)
    payload.endObject()
    let signed = ring.signing.tokenHeader + "." + Base64URL.encode(payload.bytes)
    return signed + "." + Base64URL.encode(ring.signing.access.code(signed.utf8))
  }

  /// Verifies a token: its form, its signature by the key that it names (the algorithm is ours, never the
  /// token's), then its claims.
  ///
  /// - Throws: `TokenError`.
  public func verify(_ token: String, with ring: KeyRing, at now: Instant) throws -> AccessClaims {
    guard token.utf8.count <= Self.maximumBytes else { throw TokenError.invalid("too long") }
    var token = token
    return try token.withUTF8 { try verify(UnsafeRawBufferPointer($0), with: ring, at: now) }
  }

  private func verify(
    _ token: UnsafeRawBufferPointer,
    with ring: KeyRing,
    at now: Instant
  ) throws -> AccessClaims {
    guard let segments = Self.segments(of: token) else {
      throw TokenError.invalid("not three segments")
    }
    let key = try key(header: segments.header, ring)
    guard let signature = Base64URL.decode(segments.signature) else {
      throw TokenError.invalid("the signature is not base64url")
    }
    let code = key.access.code(of: segments.signed)
    guard HMACSHA256.isEqual(code, signature) else { throw TokenError.invalid("wrong signature") }
    if let claims = known.withLock({ $0[code] }) {
      try check(claims, now.seconds)
      return claims
    }
    let claims = try claims(object(segments.payload, "payload"))
    try check(claims, now.seconds)
    known.withLock { $0[code] = claims }
    return claims
  }

  /// The parts between the dots, and the text that the signature covers; `nil` unless there are three parts.
  private static func segments(
    of token: UnsafeRawBufferPointer
  ) -> (
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer,
    signature: UnsafeRawBufferPointer, signed: UnsafeRawBufferPointer
  )? {
    let dot = UInt8(ascii: ".")
    guard let first = token.firstPlace(of: dot),
      let length = UnsafeRawBufferPointer(rebasing: token[(first + 1)...]).firstPlace(of: dot)
    else { return nil }
    let last = first + 1 + length
    guard UnsafeRawBufferPointer(rebasing: token[(last + 1)...]).firstPlace(of: dot) == nil else {
      return nil
    }
    let payload = UnsafeRawBufferPointer(rebasing: token[(first + 1)..<last])
    return (
      UnsafeRawBufferPointer(rebasing: token[..<first]), payload,
      UnsafeRawBufferPointer(rebasing: token[(last + 1)...]),
      UnsafeRawBufferPointer(rebasing: token[..<last])
    )
  }

  /// The key that a token names. The algorithm is ours; a header that names another is refused.
  private func key(header text: UnsafeRawBufferPointer, _ ring: KeyRing) throws -> KeyRing.Key {
    // A header that we make ourselves need not be parsed.
    if let key = ring.key(tokenHeader: text) { return key }
    let header = try object(text, "header")
    guard header["alg"]?.string == "HS256" else { throw TokenError.invalid("alg is not HS256") }
    // RFC 7515 §4.1.11: a header that we do not understand may not be ignored.
    guard header["crit"] == nil else { throw TokenError.invalid("crit is set") }
    guard header["typ"].map({ $0.string?.lowercased() == "jwt" }) ?? true else {
      throw TokenError.invalid("typ is not JWT")
    }
    guard let kid = header["kid"]?.string else { throw TokenError.invalid("no kid") }
    guard let key = ring.key(kid) else { throw TokenError.unknownKey }
    return key
  }

  private func object(_ segment: UnsafeRawBufferPointer, _ name: String) throws -> JSONObject {
    guard let bytes = Base64URL.decode(segment),
      case .object(let object)? = try? JSONValue(parsing: bytes)
    else { throw TokenError.invalid("the \(name) is not a JSON object in base64url") }
    return object
  }

  private func claims(_ payload: JSONObject) throws -> AccessClaims {
    guard payload["iss"]?.string == issuer else { throw TokenError.invalid("another iss") }
    switch payload["aud"] {
    case .string(audience): break
    case .array(let audiences) where audiences.contains(.string(audience)): break
    default: throw TokenError.invalid("another aud")
    }
    guard let subject = payload["sub"]?.string, ID(subject) != nil else {
      throw TokenError.invalid("sub is not a UUID")
    }
    guard let role = payload["role"]?.string else { throw TokenError.invalid("no role") }
    guard let expiresAt = payload["exp"]?.integer else { throw TokenError.invalid("no exp") }
    guard let issuedAt = payload["iat"]?.integer else { throw TokenError.invalid("no iat") }
    let notBefore = payload["nbf"]
    guard let notBefore = notBefore == nil ? issuedAt : notBefore?.integer else {
      throw TokenError.invalid("nbf is not a number")
    }
    let sessionID = payload["sid"]
    guard sessionID == nil || sessionID?.string.flatMap(ID.init) != nil else {
      throw TokenError.invalid("sid is not a UUID")
    }
    return AccessClaims(
      subject: subject,
      role: role,
      sessionID: sessionID?.string,
      tokenID: payload["jti"]?.string ?? "",
      issuedAt: issuedAt,
      notBefore: notBefore,
      expiresAt: expiresAt
    )
  }

  private func check(_ claims: AccessClaims, _ now: Int64) throws {
    guard claims.notBefore <= now + Self.leewaySeconds, claims.issuedAt <= now + Self.leewaySeconds
    else { throw TokenError.invalid("not valid yet") }
    guard claims.expiresAt > now else { throw TokenError.expired }
  }
}

/// The claims of recent tokens whose signature was right, by that signature: nobody without the key can make another
/// text with the same one. Saves parsing the same text for each request; the signature itself is computed every time.
private struct KnownClaims {
  private static let maximumCount = 128

  private var claims: [[UInt8]: AccessClaims] = [:]

  subscript(code: [UInt8]) -> AccessClaims? {
    get { claims[code] }
    set {
      // Forgetting all is good enough: active callers are back after one request.
      if claims.count >= Self.maximumCount { claims.removeAll(keepingCapacity: true) }
      claims[code] = newValue
    }
  }
}

extension UnsafeRawBufferPointer {
  /// The first place of a byte. The corresponding C function is `memchr`.
  fileprivate func firstPlace(of byte: UInt8) -> Int? {
    guard let start = baseAddress, let place = memchr(start, Int32(byte), count) else { return nil }
    return UnsafeRawPointer(place) - start
  }
}
