import Foundation
import Testing
import Values

@testable import WebPush

struct `A VAPID key` {
  private let now = Instant(seconds: 1_700_000_000)
  private let origin = "https://push.example.net"
  private let subject = "mailto:push@example.com"

  /// The result of the `openssl` command for a signature, which it expects as a structure.
  private func opensslVerifies(_ signature: [UInt8], of text: String, by publicKey: [UInt8]) throws
    -> Bool
  {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "vapid-\(UUID().uuidString)"
    )
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func number(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
      var digits = Array(bytes.drop { $0 == 0 })
      if digits.first.map({ $0 > 127 }) ?? true { digits.insert(0, at: 0) }
      return [2, UInt8(digits.count)] + digits
    }
    let numbers = number(signature[..<32]) + number(signature[32...])
    // SubjectPublicKeyInfo of a point on P-256. Source: RFC 5480 §2.
    let prefix = try bytes(base64URL: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA")
    let parts = [
      "key": prefix + publicKey, "signature": [0x30, UInt8(numbers.count)] + numbers,
      "text": Array(text.utf8),
    ]
    for (name, content) in parts { try Data(content).write(to: folder.appending(path: name)) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.currentDirectoryURL = folder
    process.arguments = [
      "openssl", "dgst", "-sha256", "-verify", "key", "-keyform", "DER", "-signature", "signature",
      "text",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  @Test(arguments: [
    ecKey, pkcs8Key,
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + ecKey,
  ])
  func `is read as openssl writes it`(pem: String) throws {
    #expect(
      try Base64URL.encode(VAPIDKey(pem: Array(pem.utf8)).publicKey) == RFC8291.serverPublicKey
    )
  }

  @Test func `is read from a file, or says why not`() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "vapid-\(UUID().uuidString)")
    try Data(pkcs8Key.utf8).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    #expect(
      try Base64URL.encode(VAPIDKey(file: path.path).publicKey) == RFC8291.serverPublicKey
    )
    let failure = #expect(throws: PushFailure.self) { try VAPIDKey(file: "/nowhere/key.pem") }
    #expect(failure?.description == "/nowhere/key.pem cannot be read: No such file or directory")
    #expect(throws: PushFailure.self) { try VAPIDKey(file: "/dev/null") }
  }

  @Test func `has its public key uncompressed, whatever its file has`() throws {
    let pem = """
      -----BEGIN EC PRIVATE KEY-----
      MFcCAQEEIAhEkgD8+Ep81DS18BrhiStTMzNqTsROCIgOCcGo/kPPoAoGCCqGSM49
      AwEHoSQDIgACn6z4pYg+5b/jBv7iWzDTjF1ywjGMiwsxwelonUfZE7o=
      -----END EC PRIVATE KEY-----

      """
    let publicKey = try VAPIDKey(pem: Array(pem.utf8)).publicKey
    #expect(
      Base64URL.encode(publicKey)
        == "BJ-s-KWIPuW_4wb-4lsw04xdcsIxjIsLMcHpaJ1H2RO6rfsJeaJjPg27mp07kfZtyJCQNMuE9cKoT_5R0hBj-7Q"
    )
  }

  @Test(arguments: [
    "", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", String(ecKey.dropLast(60)),
    // secp256k1
    """
    -----BEGIN EC PRIVATE KEY-----
    MHQCAQEEINp84v9dS++8T4Of6zRHKHQ1Sr0nLMa175iyZlho1ZkcoAcGBSuBBAAK
    oUQDQgAEGugk6Xd/r20ikNYhVcXabUjijdPC6U4mpcbUmZHanYghy/TinifAC4lr
    CCpmDROhng+ToqXSAd3+3XVEhcAecQ==
    -----END EC PRIVATE KEY-----
    """,
    // Ed25519
    """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIN3KBjTm/5Y5KPrFEQqEycn70g7MAv0kw6zzC5I1Xypm
    -----END PRIVATE KEY-----
    """,
    // a public key
    """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn6z4pYg+5b/jBv7iWzDTjF1ywjGM
    iwsxwelonUfZE7qt+wl5omM+DbuanTuR9m3IkJA0y4T1wqhP/lHSEGP7tA==
    -----END PUBLIC KEY-----
    """,
    // under the passphrase "x"
    """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjBzPYvVC5ACgICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEENldaZD6smAr/w7yzw8Wcn4EgZAC
    iOK4TXI8BVlRhbvVvIh/b1owCpKlZuLroWBmJpPIYDGU5oU/VSt4/QSFWVMMsEOA
    1rmAn/wC6nEp1zkzAgSG7l+qRtf4vP4eqMLE0LDYWa0pSB7+NppgFingw0WXtgrS
    Yln/7ZLGQE0ZnEw3cm40Iz0kn32RYFKBpGb1uduSDgZ9ROGNTwRVpKe6DhRGG1A=
    -----END ENCRYPTED PRIVATE KEY-----
    """,
  ])
  func `is not read from anything else`(pem: String) {
    #expect(throws: PushFailure("there is no readable private key on the curve P-256")) {
      try VAPIDKey(pem: Array(pem.utf8))
    }
  }

  @Test func `makes tokens that openssl verifies`() throws {
    let key = try VAPIDKey(pem: Array(ecKey.utf8))
    // Numbers with leading zeros come up in one of 128 signatures; a few are enough to see the rest.
    for second in 0..<8 {
      let header = try key.authorization(
        audience: origin,
        subject: subject,
        expiry: now.adding(seconds: Int64(second))
      )
      let parts = header.dropFirst("vapid t=".count).split(separator: ",k=")
      #expect(header.hasPrefix("vapid t="))
      #expect(parts.count == 2 && parts[1] == RFC8291.serverPublicKey)
      let token = parts[0].split(separator: ".")
      try #require(token.count == 3)
      let claims = try String(decoding: bytes(base64URL: String(token[1])), as: UTF8.self)
      #expect(
        try String(decoding: bytes(base64URL: String(token[0])), as: UTF8.self)
          == #"{"typ":"JWT","alg":"ES256"}"#
      )
      #expect(
        claims
          == #"{"aud":"https://push.example.net","exp":\#(now.seconds + Int64(second)),"sub":"mailto:push@example.com"}"#
      )
      var signature = try bytes(base64URL: String(token[2]))
      #expect(signature.count == 64)
      let signed = "\(token[0]).\(token[1])"
      #expect(try opensslVerifies(signature, of: signed, by: key.publicKey))
      signature[63] ^= 1
      #expect(try !opensslVerifies(signature, of: signed, by: key.publicKey))
    }
  }

  @Test func `signs with 64 bytes every time`() throws {
    let pair = try PushKeyPair()
    for number in 0..<1000 { #expect(try pair.sign(Array("\(number)".utf8)).count == 64) }
  }

  @Test(arguments: [
    ("mailto:push@example.com", true), ("https://example.com/contact", true), ("mailto:", false),
    ("https://", false), ("", false), ("push@example.com", false), ("http://example.com", false),
    ("mailto: push@example.com", false), ("mailto:<push@example.com>", false),
    ("mailto:\"a\"@example.com", false), ("mailto:a\\@example.com", false),
    ("mailto:\u{e9}@example.com", false), ("mailto:" + String(repeating: "a", count: 250), false),
  ])
  func `names a contact`(subject: String, isGood: Bool) throws {
    #expect(VAPIDKey.isSubject(subject) == isGood)
    let key = try VAPIDKey(pem: Array(ecKey.utf8))
    let header = try? key.authorization(audience: origin, subject: subject, expiry: now)
    #expect((header != nil) == isGood)
  }

  @Test func `authorizes for half of the life of a token, and for one push service`() throws {
    let key = try VAPIDKey(pem: Array(ecKey.utf8))
    var authorizations = PushAuthorizations(key: key, subject: subject)
    let first = try authorizations.header(for: origin, at: now)
    let sixHours: Int64 = 6 * 3600
    #expect(try authorizations.header(for: origin, at: now.adding(seconds: sixHours)) == first)
    #expect(try authorizations.header(for: "https://other.example.net", at: now) != first)
    let second = try authorizations.header(for: origin, at: now.adding(seconds: sixHours + 1))
    #expect(second != first)
    let third = try authorizations.header(for: origin, at: now)
    #expect(third != second)
    authorizations.forget(origin)
    #expect(try authorizations.header(for: origin, at: now) != third)
  }
}
