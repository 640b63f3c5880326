import Testing
import Tokens

struct `HMAC with SHA-256` {
  struct Vector: Sendable {
    let key: [UInt8]
    let message: [UInt8]
    /// The beginning of the MAC, in hexadecimal digits.
    let code: String
  }

  private static func repeated(_ byte: UInt8, _ count: Int) -> [UInt8] {
    [UInt8](repeating: byte, count: count)
  }

  /// RFC 4231 §4.2 to §4.8, in their order; the fifth is cut to 128 bits there.
  static let vectors = [
    Vector(
      key: repeated(0x0B, 20),
      message: Array("Hi There".utf8),
      code: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    Vector(
      key: Array("Jefe".utf8),
      message: Array("what do ya want for nothing?".utf8),
      code: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    Vector(
      key: repeated(0xAA, 20),
      message: repeated(0xDD, 50),
      code: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    ),
    Vector(
      key: Array(1...25),
      message: repeated(0xCD, 50),
      code: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
    ),
    Vector(
      key: repeated(0x0C, 20),
      message: Array("Test With Truncation".utf8),
      code: "a3b6167473100ee06e0c796c2955552b"
    ),
    Vector(
      key: repeated(0xAA, 131),
      message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      code: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    Vector(
      key: repeated(0xAA, 131),
      message: Array(
        """
        This is a test using a larger than block-size key and a larger than block-size data. The key needs to \
        be hashed before being used by the HMAC algorithm.
        """.utf8
      ),
      code: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
  ]

  @Test(arguments: vectors)
  func `gives the codes of RFC 4231`(vector: Vector) {
    let code = HMACKey(vector.key).code(vector.message)
    let expected = bytes(hexadecimal: vector.code)
    #expect(code.count == HMACSHA256.length)
    #expect(Array(code.prefix(expected.count)) == expected)
  }

  @Test func `a key gives the same codes again and again, whatever it coded before`() {
    let key = HMACKey([1, 2, 3])
    let codes = [
      "", "a", "a longer message than one block of sixty-four bytes, which is hashed in two",
    ].map {
      key.code($0.utf8)
    }
    for (message, code) in zip(["", "a"], codes) {
      #expect(key.code(message.utf8) == code)
      #expect(HMACKey([1, 2, 3]).code(message.utf8) == code)
    }
    #expect(Set(codes).count == 3)
  }

  @Test func `has a code for nothing under no key`() {
    #expect(
      HMACKey([]).code([])
        == bytes(hexadecimal: "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    )
  }

  @Test func `codes are equal when every byte is`() {
    let code = HMACKey([1]).code("message".utf8)
    #expect(HMACSHA256.isEqual(code, code))
    #expect(HMACSHA256.isEqual([], []))
    #expect(!HMACSHA256.isEqual(code, Array(code.dropLast())))
    #expect(!HMACSHA256.isEqual(code, []))
    for index in code.indices {
      var other = code
      other[index] ^= 1
      #expect(!HMACSHA256.isEqual(code, other))
    }
  }

  /// FIPS 180-4's examples, as NIST publishes them.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func `stands on the published SHA-256`(text: String, digest: String) {
    #expect(sha256Hexadecimal(text) == digest)
  }
}
