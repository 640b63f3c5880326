import JSON
public import Values

/// What an access token says. Source: RFC 7519 §4.1 for all but `role` and `sid`.
public struct AccessClaims: Equatable, Sendable {
  /// The user's id.
  public var subject: String
  /// What the user may do: a role's name in the contract.
  public var role: String
  /// The session; `nil` for services.
  public var sessionID: String?
  /// The token's own id.
  public var tokenID: String
  /// When it was made, in seconds since 1970.
  public var issuedAt: Int64
  /// From when on it counts no longer, in seconds since 1970.
  public var expiresAt: Int64

  /// Claims.
  public init(
    subject: String,
    role: String,
    sessionID: String?,
    tokenID: String,
    issuedAt: Int64,
    expiresAt: Int64
  ) {
    self.subject = subject
    self.role = role
    self.sessionID = sessionID
    self.tokenID = tokenID
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
  }
}

/// Why a token does not count.
public enum TokenError: Error, Equatable {
  /// It is none of ours, or was tampered with. The reason is for the log.
  case invalid(String)
  /// It names a key that the ring does not have: nobody's, or one that was added just now.
  case unknownKey
  /// It was good until it expired.
  case expired
}

/// Makes and verifies access tokens: JWTs signed with HMAC-SHA256. Source: RFC 7515, RFC 7519, RFC 8725.
public struct AccessTokens: Sendable {
  private static let maximumBytes = 4096
  /// How far the clocks of two hosts may differ, in seconds.
  private static let leewaySeconds: Int64 = 5

  private let issuer: String
  private let audience: String

  /// Tokens of an issuer for an audience.
  public init(issuer: String, audience: String) {
    self.issuer = issuer
    self.audience = audience
  }

  /// Signs claims with the ring's signing key.
  public func sign(_ claims: AccessClaims, with ring: KeyRing) -> String {
    var header = JSONWriter(capacity: 64)
    header.beginObject()
    header.name("alg")
    header.value("HS256")
    header.name("kid")
    header.value(ring.signing.id)
    header.name("typ")
    header.value("JWT")
    header.endObject()
    var payload = JSONWriter(capacity: 320)
    payload.beginObject()
    payload.name("iss")
    payload.value(issuer)
    payload.name("aud")
    payload.value(audience)
    payload.name("sub")
    payload.value(claims.subject)
    payload.name("role")
    payload.value(claims.role)
    if let sessionID = claims.sessionID {
      payload.name("sid")
      payload.value(sessionID)
    }
    payload.name("jti")
    payload.value(claims.tokenID)
    payload.name("iat")
    payload.value(claims.issuedAt)
    payload.name("nbf")
    payload.value(claims.issuedAt)
    payload.name("exp")
    payload.value(claims.expiresAt)
    payload.endObject()
    let signed = Base64URL.encode(header.bytes) + "." + Base64URL.encode(payload.bytes)
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
    let key = try key(header: object(segments.header, "header"), ring)
    guard let signature = Base64URL.decode(segments.signature) else {
      throw TokenError.invalid("the signature is not base64url")
    }
    guard HMACSHA256.isEqual(key.access.code(of: segments.signed), signature) else {
      throw TokenError.invalid("wrong signature")
    }
    return try claims(object(segments.payload, "payload"), now.seconds)
  }

  /// The parts between the dots, and what the signature covers; `nil` unless there are three.
  private static func segments(
    of token: UnsafeRawBufferPointer
  ) -> (
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer,
    signature: UnsafeRawBufferPointer, signed: UnsafeRawBufferPointer
  )? {
    let dot = UInt8(ascii: ".")
    guard let first = token.firstIndex(of: dot), let last = token.lastIndex(of: dot), first < last
    else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: token[(first + 1)..<last])
    guard !payload.contains(dot) else { return nil }
    return (
      UnsafeRawBufferPointer(rebasing: token[..<first]), payload,
      UnsafeRawBufferPointer(rebasing: token[(last + 1)...]),
      UnsafeRawBufferPointer(rebasing: token[..<last])
    )
  }

  /// The key that a token names. The algorithm is ours; a header that names another is refused.
  private func key(header: JSONObject, _ ring: KeyRing) throws -> KeyRing.Key {
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

  private func claims(_ payload: JSONObject, _ now: Int64) throws -> AccessClaims {
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
    guard notBefore <= now + Self.leewaySeconds, issuedAt <= now + Self.leewaySeconds else {
      throw TokenError.invalid("not valid yet")
    }
    guard expiresAt > now else { throw TokenError.expired }
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
      expiresAt: expiresAt
    )
  }
}
