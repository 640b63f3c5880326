import Testing
import Tokens
import Values

/// Signs any header and payload, valid or not, as the ring's key `k1` would.
private func token(header: String, payload: String, secret: String = KeyEntry.signing.secret) throws
  -> String
{
  let signed = Base64URL.encode(header.utf8) + "." + Base64URL.encode(payload.utf8)
  let key = try #require(Base64URL.decode(secret.utf8))
  return signed + "." + Base64URL.encode(HMACKey(key).code(signed.utf8))
}

private let validHeader = #"{"alg":"HS256","kid":"k1","typ":"JWT"}"#
private let subject = "0190b6f0-0000-7000-8000-000000000001"
private let session = "0190b6f0-0000-7000-8000-000000000002"
private let tokens = AccessTokens(issuer: "us", audience: "our-api")

/// The claims of a valid token as JSON, with some replaced, or left out when the replacement is `nil`.
private func payload(_ changes: KeyValuePairs<String, String?> = [:]) -> String {
  var claims: [(String, String?)] = [
    ("iss", #""us""#), ("aud", #""our-api""#), ("sub", "\"\(subject)\""), ("role", #""USER""#),
    ("sid", "\"\(session)\""), ("jti", #""id""#), ("iat", "1700000000"), ("nbf", "1700000000"),
    ("exp", "1700000060"),
  ]
  for (name, value) in changes {
    claims.removeAll { $0.0 == name }
    claims.append((name, value))
  }
  return "{"
    + claims.compactMap { claim in claim.1.map { "\"\(claim.0)\":\($0)" } }.joined(separator: ",")
    + "}"
}

struct `An access token` {
  private let claims = AccessClaims(
    subject: subject,
    role: "ADMIN",
    sessionID: session,
    tokenID: "id",
    issuedAt: now.seconds,
    expiresAt: now.seconds + 60
  )

  @Test func `that was valid before expires all the same, and is nothing without its key`() throws {
    let tokens = AccessTokens(issuer: "us", audience: "our-api")
    let ring = try keyRing(.signing)
    let text = tokens.sign(claims, with: ring)
    for _ in 0..<3 { #expect(try tokens.verify(text, with: ring, at: now) == claims) }
    #expect(throws: TokenError.expired) {
      try tokens.verify(text, with: ring, at: now.adding(seconds: 60))
    }
    #expect(throws: TokenError.invalid("not valid yet")) {
      try tokens.verify(text, with: ring, at: now.adding(seconds: -6))
    }
    #expect(throws: TokenError.invalid("wrong signature")) {
      try tokens.verify(String(text.dropLast(2)) + "AA", with: ring, at: now)
    }
    #expect(try tokens.verify(text, with: ring, at: now) == claims)
  }

  @Test func `is known from the others, however many come`() throws {
    let tokens = AccessTokens(issuer: "us", audience: "our-api")
    let ring = try keyRing(.signing)
    let all = (0..<300).map { number in
      var claims = claims
      claims.tokenID = "\(number)"
      return claims
    }
    let texts = all.map { tokens.sign($0, with: ring) }
    for _ in 0..<2 {
      for (text, claims) in zip(texts, all) {
        #expect(try tokens.verify(text, with: ring, at: now) == claims)
      }
    }
  }

  /// RFC 7515 A.1: the code of the example's own bytes under its own key.
  @Test func `is signed as the first example of RFC 7515 is`() throws {
    let signed = """
      eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
      .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
      """
    let key = try #require(Base64URL.decode(KeyEntry.signing.secret.utf8))
    let signature = HMACKey(key).code(signed.utf8)
    #expect(Base64URL.encode(signature) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    // It verifies here but is refused nevertheless, because it names no key.
    #expect(throws: TokenError.invalid("no kid")) {
      try tokens.verify(
        "\(signed).\(Base64URL.encode(signature))",
        with: keyRing(.signing),
        at: now
      )
    }
  }

  @Test func `has the claims that it was issued with`() throws {
    let ring = try keyRing(.verifying, .signing)
    #expect(try tokens.verify(tokens.sign(claims, with: ring), with: ring, at: now) == claims)
  }

  @Test func `of a service has no session`() throws {
    let ring = try keyRing(.signing)
    var claims = claims
    claims.role = "SERVICE"
    claims.sessionID = nil
    #expect(try tokens.verify(tokens.sign(claims, with: ring), with: ring, at: now) == claims)
  }

  @Test func `has the header and the claims of the contract`() throws {
    let segments = tokens.sign(claims, with: try keyRing(.signing)).split(separator: ".")
    let texts = segments.prefix(2).map {
      String(decoding: Base64URL.decode($0.utf8) ?? [], as: UTF8.self)
    }
    #expect(
      texts == [
        validHeader,
        """
        {"iss":"us","aud":"our-api","sub":"\(subject)","role":"ADMIN","sid":"\(session)","jti":"id",\
        "iat":1700000000,"nbf":1700000000,"exp":1700000060}
        """,
      ]
    )
    #expect(segments.count == 3)
  }

  @Test func `is signed with the signing key alone`() throws {
    let ring = try keyRing(.verifying, .signing)
    let token = tokens.sign(claims, with: ring)
    #expect(ring.signingKeyID == "k1")
    #expect(throws: TokenError.unknownKey) {
      try tokens.verify(token, with: keyRing(KeyEntry(id: "k0")), at: now)
    }
    #expect(throws: TokenError.invalid("wrong signature")) {
      try tokens.verify(token, with: keyRing(KeyEntry(secret: KeyEntry.otherSecret)), at: now)
    }
  }

  @Test func `outlives the signing of new ones with its key`() throws {
    let token = tokens.sign(claims, with: try keyRing(.signing))
    let later = try keyRing(
      KeyEntry(operations: #"["verify"]"#),
      KeyEntry(id: "k2", secret: KeyEntry.otherSecret)
    )
    #expect(try tokens.verify(token, with: later, at: now) == claims)
  }

  @Test func `is valid until the second in which it expires`() throws {
    let ring = try keyRing(.signing)
    let token = tokens.sign(claims, with: ring)
    #expect(
      try tokens.verify(token, with: ring, at: Instant(microseconds: 1_700_000_059_999_999))
        == claims
    )
    for seconds: Int64 in [60, 61, 1_000_000] {
      #expect(throws: TokenError.expired) {
        try tokens.verify(token, with: ring, at: now.adding(seconds: seconds))
      }
    }
  }

  @Test func `does not count when any character of it was changed`() throws {
    let ring = try keyRing(.signing)
    for changed in tampered(tokens.sign(claims, with: ring)) {
      #expect(throws: TokenError.self) { try tokens.verify(changed, with: ring, at: now) }
    }
  }
}

struct `A token that somebody else made counts` {
  private func verify(_ payload: String, header: String = validHeader) throws -> AccessClaims {
    try tokens.verify(
      token(header: header, payload: payload),
      with: keyRing(.signing, .verifying),
      at: now
    )
  }

  @Test func `when its header and claims are ours, in any order and with more of them`() throws {
    let claims = try verify(
      payload(["exp": nil, "exp": "1700000060", "email": #""a@b.c""#]),
      header: #"{ "typ" : "jwt", "kid" : "k1", "x5t" : "no matter", "alg" : "HS256" }"#
    )
    #expect(claims.subject == subject)
    #expect(claims.expiresAt == 1_700_000_060)
  }

  @Test func `without typ, nbf and jti`() throws {
    let claims = try verify(
      payload(["nbf": nil, "jti": nil]),
      header: #"{"alg":"HS256","kid":"k1"}"#
    )
    #expect(claims.tokenID == "")
  }

  @Test(arguments: [
    #""our-api""#, #"["our-api"]"#, #"["theirs","our-api"]"#, #"[1,"our-api",null]"#,
  ])
  func `when its audience is or has ours`(audience: String) throws {
    #expect(try verify(payload(["aud": audience])).subject == subject)
  }

  @Test func `when its maker's clock is five seconds ahead`() throws {
    #expect(
      try verify(payload(["iat": "1700000005", "nbf": "1700000005"])).issuedAt == 1_700_000_005
    )
  }

  @Test func `under a key that only verifies`() throws {
    let token = try token(
      header: #"{"alg":"HS256","kid":"k0"}"#,
      payload: payload(),
      secret: KeyEntry.otherSecret
    )
    #expect(
      try tokens.verify(token, with: keyRing(.signing, .verifying), at: now).subject == subject
    )
  }
}

struct `A token is refused` {
  private func expectInvalid(
    _ text: String,
    _ reason: String,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let ring = try keyRing(.signing, .verifying)
    let error = try #require(throws: TokenError.self, sourceLocation: location) {
      try tokens.verify(text, with: ring, at: now)
    }
    guard case .invalid(let given) = error else {
      Issue.record("\(error)", sourceLocation: location)
      return
    }
    #expect(given.contains(reason), sourceLocation: location)
  }

  @Test(arguments: [
    (#"{"alg":"none","kid":"k1"}"#, "alg"), (#"{"alg":"None","kid":"k1"}"#, "alg"),
    (#"{"alg":"hs256","kid":"k1"}"#, "alg"), (#"{"alg":"HS384","kid":"k1"}"#, "alg"),
    (#"{"alg":"HS512","kid":"k1"}"#, "alg"), (#"{"alg":"RS256","kid":"k1"}"#, "alg"),
    (#"{"alg":"","kid":"k1"}"#, "alg"), (#"{"alg":null,"kid":"k1"}"#, "alg"),
    (#"{"alg":["HS256"],"kid":"k1"}"#, "alg"), (#"{"kid":"k1"}"#, "alg"),
    (#"{"alg":"HS256"}"#, "kid"), (#"{"alg":"HS256","kid":1}"#, "kid"),
    (#"{"alg":"HS256","kid":["k1"]}"#, "kid"),
    (#"{"alg":"HS256","kid":"k1","crit":["exp"]}"#, "crit"),
    (#"{"alg":"HS256","kid":"k1","crit":[]}"#, "crit"),
    (#"{"alg":"HS256","kid":"k1","crit":null}"#, "crit"),
    (#"{"alg":"HS256","kid":"k1","typ":"JWE"}"#, "typ"),
    (#"{"alg":"HS256","kid":"k1","typ":1}"#, "typ"),
    (#"{"alg":"HS256","kid":"k1","typ":"at+jwt"}"#, "typ"),
    (#"{"alg":"HS256","kid":"k1","alg":"none"}"#, "header"), (#"["HS256"]"#, "header"),
    (#""HS256""#, "header"), ("", "header"), ("{", "header"),
    (#"{"alg":"HS256","kid":"k1"} "x""#, "header"), (#"{"alg":"HS256","kid":"k0"}"#, "signature"),
  ])
  func `for its header, though signed with our key`(header: String, reason: String) throws {
    try expectInvalid(token(header: header, payload: payload()), reason)
  }

  @Test(arguments: ["k9", "K1", "", "../../etc/passwd", "k1 "])
  func `for a key that the ring does not have`(kid: String) throws {
    let token = try token(header: #"{"alg":"HS256","kid":"\#(kid)"}"#, payload: payload())
    #expect(throws: TokenError.unknownKey) {
      try tokens.verify(token, with: keyRing(.signing), at: now)
    }
  }

  @Test(
    arguments: [
      ("iss", nil, "iss"), ("iss", #""them""#, "iss"), ("iss", #""US""#, "iss"),
      ("iss", "1", "iss"), ("iss", #"["us"]"#, "iss"), ("aud", nil, "aud"),
      ("aud", #""theirs""#, "aud"), ("aud", "[]", "aud"), ("aud", #"["theirs"]"#, "aud"),
      ("aud", #"[["our-api"]]"#, "aud"), ("aud", #"{"our-api":1}"#, "aud"), ("aud", "null", "aud"),
      ("sub", nil, "sub"), ("sub", #""""#, "sub"), ("sub", #""admin""#, "sub"), ("sub", "1", "sub"),
      ("sub", "null", "sub"), ("role", nil, "role"), ("role", "1", "role"),
      ("role", #"["ADMIN"]"#, "role"), ("sid", #""""#, "sid"), ("sid", "null", "sid"),
      ("sid", "1", "sid"), ("sid", #""mine""#, "sid"), ("exp", nil, "exp"),
      ("exp", #""1700000060""#, "exp"), ("exp", "null", "exp"), ("exp", "true", "exp"),
      ("exp", "1e99", "exp"), ("exp", "9223372036854775808", "exp"), ("exp", "[1700000060]", "exp"),
      ("iat", nil, "iat"), ("iat", #""1700000000""#, "iat"), ("iat", "1700000006", "not valid yet"),
      ("nbf", #""1700000000""#, "nbf"), ("nbf", "null", "nbf"),
      ("nbf", "1700000006", "not valid yet"), ("nbf", "9223372036854775807", "not valid yet"),
    ] as [(String, String?, String)]
  )
  func `for a claim, though signed with our key`(claim: String, value: String?, reason: String)
    throws
  {
    try expectInvalid(token(header: validHeader, payload: payload([claim: value])), reason)
  }

  @Test(arguments: ["", "[]", "null", "{", #"{"exp":1,"exp":2}"#, "{}x"])
  func `for a payload that is no object, though signed with our key`(payload: String) throws {
    try expectInvalid(token(header: validHeader, payload: payload), "payload")
  }

  @Test(arguments: ["-9223372036854775808", "-1", "0", "1699999999", "1700000000"])
  func `as expired whatever the time is that it expired at`(time: String) throws {
    #expect(throws: TokenError.expired) {
      try tokens.verify(
        token(header: validHeader, payload: payload(["exp": time])),
        with: keyRing(.signing),
        at: now
      )
    }
  }

  @Test func `as tampered with before it is as expired`() throws {
    let expired = try token(
      header: validHeader,
      payload: payload(["exp": "1"]),
      secret: KeyEntry.otherSecret
    )
    try expectInvalid(expired, "wrong signature")
  }

  @Test func `for what is missing or too much around its segments`() throws {
    let valid = try token(header: validHeader, payload: payload())
    let segments = valid.split(separator: ".").map(String.init)
    _ = try tokens.verify(valid, with: keyRing(.signing), at: now)
    for text in [
      "", ".", "..", "a.b", valid + ".", "." + valid, valid + ".x", segments[0] + "." + segments[1],
    ] {
      #expect(throws: TokenError.self) { try tokens.verify(text, with: keyRing(.signing), at: now) }
    }
    for text in [
      valid + " ", " " + valid, valid + "\n", valid + "=", valid + "A", valid + "\u{0}",
      "Bearer " + valid,
    ] {
      #expect(throws: TokenError.self) { try tokens.verify(text, with: keyRing(.signing), at: now) }
    }
    try expectInvalid(segments[0] + "." + segments[1] + ".", "wrong signature")
    try expectInvalid(String(valid.dropLast(2)), "signature")
  }

  @Test func `for its size`() throws {
    try expectInvalid(String(repeating: "a", count: 100_000), "too long")
    try expectInvalid(String(repeating: ".", count: 100_000), "too long")
    let padding = String(repeating: "x", count: 4000)
    try expectInvalid(
      token(header: validHeader, payload: payload(["pad": "\"\(padding)\""])),
      "too long"
    )
  }

  @Test func `when it is a refresh token`() throws {
    let refresh = RefreshTokens.make(
      sessionID: ID(stored: session),
      generation: 0,
      keyID: "k1",
      ring: try keyRing(.signing)
    )
    try expectInvalid(#require(refresh), "header")
  }
}
