import Testing
import Tokens
import Values

struct `A refresh token` {
  private let session = ID(stored: "0190b6f0-89ab-7cde-8f01-23456789abcd")

  private func make(_ generation: Int = 3, _ ring: KeyRing, keyID: String = "k1") throws -> String {
    try #require(
      RefreshTokens.make(sessionID: session, generation: generation, keyID: keyID, ring: ring)
    )
  }

  @Test(arguments: [0, 1, 255, 256, 65_536, Int(UInt32.max)])
  func `tells its session and its place in the family`(generation: Int) throws {
    let ring = try keyRing(.signing)
    let content = try RefreshTokens.read(make(generation, ring), ring: ring)
    #expect(content.sessionID == session)
    #expect(content.generation == generation)
  }

  @Test func `is the same whenever it is made`() throws {
    #expect(try make(3, keyRing(.signing)) == make(3, keyRing(.verifying, .signing)))
  }

  @Test func `differs by session, place and key`() throws {
    let ring = try keyRing(.signing, .verifying)
    let other = RefreshTokens.make(
      sessionID: ID(stored: "0190b6f0-89ab-7cde-8f01-23456789abce"),
      generation: 3,
      keyID: "k1",
      ring: ring
    )
    let texts = try [make(3, ring), make(4, ring), make(3, ring, keyID: "k0"), #require(other)]
    #expect(Set(texts).count == 4)
    // The MACs of two tokens have nothing in common.
    #expect(Set(texts.map { $0.split(separator: ".").last }).count == 4)
  }

  @Test func `has 256 bits that only the key can make`() throws {
    let segments = try make(3, keyRing(.signing)).split(
      separator: ".",
      omittingEmptySubsequences: false
    )
    #expect(segments.count == 3)
    #expect(segments[0] == "k1")
    #expect(Base64URL.decode(segments[1].utf8)?.count == 20)
    #expect(Base64URL.decode(segments[2].utf8)?.count == 32)
  }

  @Test func `is not valid when any character of it was changed`() throws {
    let ring = try keyRing(.signing, .verifying)
    for changed in try tampered(make(3, ring)) {
      #expect(throws: TokenError.self) { try RefreshTokens.read(changed, ring: ring) }
    }
  }

  @Test func `is not valid when its bits are flipped one by one`() throws {
    let ring = try keyRing(.signing)
    let segments = try make(3, ring).split(separator: ".").map(String.init)
    for (place, segment) in segments.enumerated().dropFirst() {
      let bytes = try #require(Base64URL.decode(segment.utf8))
      for bit in 0..<bytes.count * 8 {
        var changed = bytes
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        var parts = segments
        parts[place] = Base64URL.encode(changed)
        #expect(throws: TokenError.invalid("wrong code")) {
          try RefreshTokens.read(parts.joined(separator: "."), ring: ring)
        }
      }
    }
  }

  @Test func `is not valid when pieces of two are put together`() throws {
    let ring = try keyRing(.signing)
    let one = try make(3, ring).split(separator: ".")
    let two = try make(4, ring).split(separator: ".")
    for text in ["k1.\(one[1]).\(two[2])", "k1.\(two[1]).\(one[2])", "k1.\(one[2]).\(one[1])"] {
      #expect(throws: TokenError.self) { try RefreshTokens.read(text, ring: ring) }
    }
  }

  @Test func `is not valid with something before or after it`() throws {
    let ring = try keyRing(.signing)
    let token = try make(3, ring)
    for text in [
      "", ".", "..", "k1", "k1..", "k1.." + token, token + ".", "." + token, token + "=",
      token + " ",
      token + "A", " " + token, String(token.dropLast()), token + "." + token,
      String(repeating: "a.", count: 50_000),
    ] {
      #expect(throws: TokenError.self) { try RefreshTokens.read(text, ring: ring) }
    }
  }

  @Test func `is valid as long as its key is in the ring`() throws {
    let token = try make(3, keyRing(.signing))
    let later = try keyRing(
      KeyEntry(operations: #"["verify"]"#),
      KeyEntry(id: "k2", secret: KeyEntry.otherSecret)
    )
    #expect(try RefreshTokens.read(token, ring: later).generation == 3)
    let dropped = try keyRing(KeyEntry(id: "k2", secret: KeyEntry.otherSecret))
    #expect(throws: TokenError.self) { try RefreshTokens.read(token, ring: dropped) }
    #expect(
      RefreshTokens.make(sessionID: session, generation: 3, keyID: "k1", ring: dropped) == nil
    )
    let replaced = try keyRing(KeyEntry(secret: KeyEntry.otherSecret))
    #expect(throws: TokenError.invalid("wrong code")) {
      try RefreshTokens.read(token, ring: replaced)
    }
  }

  @Test func `is not what an access token's key signs`() throws {
    let ring = try keyRing(.signing)
    let segments = try make(3, ring).split(separator: ".").map(String.init)
    let content = try #require(Base64URL.decode(segments[1].utf8))
    let key = try #require(Base64URL.decode(KeyEntry.signing.secret.utf8))
    let forged = Base64URL.encode(HMACKey(key).code(content))
    #expect(throws: TokenError.invalid("wrong code")) {
      try RefreshTokens.read("k1.\(segments[1]).\(forged)", ring: ring)
    }
    #expect(
      ring.pageMAC(content)
        != (Base64URL.decode(segments[2].utf8).map { Array($0.prefix(16)) } ?? [])
    )
  }
}
