import Testing
import Values

struct `Base64 for URLs` {
  /// RFC 4648 §10 without its padding, then RFC 7515 appendix C.
  static let vectors: [([UInt8], String)] =
    [
      ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
      ("fooba", "Zm9vYmE"),
      ("foobar", "Zm9vYmFy"),
    ].map { (Array($0.0.utf8), $0.1) } + [([3, 236, 255, 224, 193], "A-z_4ME")]

  @Test(arguments: vectors)
  func `has the published texts`(bytes: [UInt8], text: String) {
    #expect(Base64URL.encode(bytes) == text)
    #expect(Base64URL.decode(text.utf8) == bytes)
  }

  /// RFC 7515 A.1.1: lines end with CR LF there.
  @Test func `has the header of the first example of RFC 7515`() {
    let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"
    #expect(Base64URL.encode(header.utf8) == "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9")
  }

  @Test func `uses its 64 characters in order`() {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    // 48 bytes that hold the numbers 0 to 63, six bits each.
    let bytes = Base64URL.decode(alphabet.utf8) ?? []
    #expect(bytes.count == 48)
    #expect(Array(bytes.prefix(3)) == [0b0000_0000, 0b0001_0000, 0b1000_0011])
    #expect(Base64URL.encode(bytes) == alphabet)
  }

  @Test func `gives back all bytes at every length`() {
    for count in 0...256 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ count) }
      #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
    }
  }

  @Test(arguments: ["A", "AAAAA", "AAAAAAAAA"])
  func `cannot have a single character left over`(text: String) {
    #expect(Base64URL.decode(text.utf8) == nil)
  }

  @Test(arguments: ["Zh", "Zk", "Zv", "Zm9", "Zm_", "Zm9vYh", "__"])
  func `has one text only, so unused bits are zero`(text: String) {
    #expect(Base64URL.decode(text.utf8) == nil)
  }

  @Test(arguments: [
    "Zg==", "Zm8=", "=", "====", "Zm9v=", "A+z/4ME", "Zm 9v", "Zm9v\n", "Zm9v.", "Zm9v\u{0}",
    "Zm9é", "Zm9v%3D",
  ])
  func `has no padding and no other characters`(text: String) {
    #expect(Base64URL.decode(text.utf8) == nil)
  }
}
