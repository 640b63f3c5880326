import Testing
import Tokens
import Values

struct `A key file` {
  private func message(_ text: String) throws -> String {
    try #require(throws: KeyRing.Malformed.self) { try KeyRing(parsing: Array(text.utf8)) }.message
  }

  @Test func `has one signing key and others that verify`() throws {
    #expect(try keyRing(.signing).signingKeyID == "k1")
    #expect(try keyRing(.verifying, .signing).signingKeyID == "k1")
    #expect(try keyRing(KeyEntry(operations: #"["verify","sign"]"#)).signingKeyID == "k1")
  }

  @Test func `need not name the algorithm and may say more`() throws {
    let text = """
      {"comment":"rotate in May","keys":[{"use":"sig","kty":"oct","kid":"a-b_c","k":"\(KeyEntry.otherSecret)",\
      "key_ops":["verify","sign"]}]}
      """
    #expect(try KeyRing(parsing: Array(text.utf8)).signingKeyID == "a-b_c")
  }

  @Test func `has at most 16 keys`() throws {
    func file(_ count: Int) -> String {
      let others = (1..<count).map { KeyEntry(id: "v\($0)", operations: #"["verify"]"#).json }
      return #"{"keys":[\#(([KeyEntry.signing.json] + others).joined(separator: ","))]}"#
    }
    #expect(try KeyRing(parsing: Array(file(16).utf8)).signingKeyID == "k1")
    #expect(try message(file(17)).contains("1 to 16 keys"))
  }

  @Test(arguments: [
    "", "{", "[]", "null", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"Keys":[]}"#,
    #"{"keys":[]}x"#, "-----BEGIN PRIVATE KEY-----",
  ])
  func `is refused when it is no JWK set`(text: String) throws {
    #expect(try message(text).contains("not a JWK set"))
  }

  @Test func `is refused without keys`() throws {
    #expect(try message(#"{"keys":[]}"#).contains("1 to 16 keys"))
  }

  @Test func `is refused without a signing key, or with two`() throws {
    #expect(try message(keyFile(.verifying)).contains("exactly one signing key, not 0"))
    #expect(
      try message(keyFile(.signing, KeyEntry(id: "k2"))).contains("exactly one signing key, not 2")
    )
  }

  @Test func `is refused with the same kid twice`() throws {
    #expect(
      try message(keyFile(.signing, KeyEntry(operations: #"["verify"]"#))).contains(
        "two keys with kid k1"
      )
    )
  }

  /// 31 bytes are 42 characters.
  @Test func `is refused with a secret of less than 32 bytes`() throws {
    let short = String(KeyEntry.otherSecret.prefix(41)) + "A"
    #expect(try message(keyFile(KeyEntry(secret: short))).contains("at least 32 bytes"))
    #expect(try message(keyFile(KeyEntry(secret: ""))).contains("at least 32 bytes"))
    #expect(try keyRing(KeyEntry(secret: KeyEntry.otherSecret)).signingKeyID == "k1")
  }

  @Test(arguments: [
    KeyEntry(id: "a.b"), KeyEntry(id: ""), KeyEntry(id: String(repeating: "k", count: 65)),
    KeyEntry(secret: "not base64url!"), KeyEntry(secret: KeyEntry.otherSecret + "="),
  ])
  func `is refused with a kid or a secret of another form`(entry: KeyEntry) throws {
    #expect(
      try message(keyFile(entry)) == "key 1 of the key file is not an HS256 key with kid and k"
    )
  }

  @Test(arguments: [
    #"{"kty":"RSA","kid":"k1","alg":"HS256","k":"SECRET","key_ops":["sign","verify"]}"#,
    #"{"kid":"k1","alg":"HS256","k":"SECRET","key_ops":["sign","verify"]}"#,
    #"{"kty":"oct","alg":"HS256","k":"SECRET","key_ops":["sign","verify"]}"#,
    #"{"kty":"oct","kid":1,"alg":"HS256","k":"SECRET","key_ops":["sign","verify"]}"#,
    #"{"kty":"oct","kid":"k1","alg":"HS512","k":"SECRET","key_ops":["sign","verify"]}"#,
    #"{"kty":"oct","kid":"k1","alg":"HS256","key_ops":["sign","verify"]}"#, "[]", "null",
    "\"SECRET\"",
  ])
  func `is refused with a key of another kind, which it names by its place`(entry: String) throws {
    let entry = entry.split(separator: "SECRET", omittingEmptySubsequences: false).joined(
      separator: KeyEntry.otherSecret
    )
    #expect(
      try message(#"{"keys":[\#(KeyEntry.signing.json),\#(entry)]}"#).hasPrefix(
        "key 2 of the key file is not"
      )
    )
  }

  @Test(arguments: [
    "[]", "null", #""sign""#, #"["sign"]"#, #"["sign","verify","encrypt"]"#, #"["Sign","verify"]"#,
    "[1]",
  ])
  func `is refused with key_ops that are not to verify, or to sign and verify`(operations: String)
    throws
  {
    #expect(try message(keyFile(KeyEntry(operations: operations))).contains("key_ops"))
  }

  @Test(arguments: [
    keyFile(KeyEntry(operations: "[]")), keyFile(.signing, .signing), keyFile(.verifying),
    keyFile(.signing) + "x", keyFile(KeyEntry(id: "a.b")),
  ])
  func `is refused without a word of its secrets`(text: String) throws {
    let message = try message(text)
    #expect(!message.contains(KeyEntry.signing.secret.prefix(8)))
    #expect(!message.contains(KeyEntry.otherSecret.prefix(8)))
  }
}

struct `The MAC of a page token` {
  private let text = Array("after this row".utf8)

  @Test func `is of 16 bytes and right for its text alone`() throws {
    let ring = try keyRing(.signing)
    let mac = ring.pageMAC(text)
    #expect(mac.count == 16)
    #expect(ring.isPageMAC(mac, of: text))
    #expect(!ring.isPageMAC(mac, of: text + [0]))
    #expect(!ring.isPageMAC([], of: text))
    #expect(!ring.isPageMAC(Array(mac.dropLast()), of: text))
    #expect(!ring.isPageMAC(mac + [0], of: text))
    for index in mac.indices {
      var other = mac
      other[index] ^= 0x80
      #expect(!ring.isPageMAC(other, of: text))
    }
  }

  @Test func `is right as long as its key is in the ring`() throws {
    let mac = try keyRing(.signing).pageMAC(text)
    let later = try keyRing(
      KeyEntry(id: "k2", secret: KeyEntry.otherSecret),
      KeyEntry(operations: #"["verify"]"#)
    )
    #expect(later.isPageMAC(mac, of: text))
    #expect(later.pageMAC(text) != mac)
    #expect(
      try !keyRing(KeyEntry(id: "k1", secret: KeyEntry.otherSecret)).isPageMAC(mac, of: text)
    )
  }

  @Test func `is made with a key of its own`() throws {
    let secret = try #require(Base64URL.decode(KeyEntry.signing.secret.utf8))
    #expect(
      try keyRing(.signing).pageMAC(text) != Array(HMACKey(secret).code(text).prefix(16))
    )
  }
}
