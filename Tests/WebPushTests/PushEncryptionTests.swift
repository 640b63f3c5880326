import Testing
import Values

@testable import WebPush

struct `Encryption of push messages` {
  @Test func `gives the message of RFC 8291, byte for byte`() throws {
    let key = try PushKeyPair(privateKey: bytes(base64URL: RFC8291.serverPrivateKey))
    #expect(Base64URL.encode(key.publicKey) == RFC8291.serverPublicKey)
    let message = try PushEncryption.encrypt(
      Array(RFC8291.plaintext.utf8),
      for: RFC8291.subscription(),
      salt: bytes(base64URL: RFC8291.salt),
      key: key
    )
    #expect(Base64URL.encode(message) == RFC8291.message)
  }

  @Test func `agrees with the browser on the secret of RFC 8291`() throws {
    let server = try PushKeyPair(privateKey: bytes(base64URL: RFC8291.serverPrivateKey))
    let browser = try PushKeyPair(privateKey: bytes(base64URL: RFC8291.browserPrivateKey))
    #expect(Base64URL.encode(browser.publicKey) == RFC8291.p256dh)
    let secret = try server.sharedSecret(with: browser.publicKey)
    #expect(Base64URL.encode(secret) == RFC8291.secret)
    #expect(try browser.sharedSecret(with: server.publicKey) == secret)
  }

  @Test func `gives the first example of RFC 8188, byte for byte`() throws {
    let message = try PushEncryption.encode(
      Array("I am the walrus".utf8),
      padding: 0,
      inputKey: bytes(base64URL: "yqdlZ-tYemfogSmv7Ws5PQ"),
      salt: bytes(base64URL: "I1BsxtFttlv3u_Oo94xnmw"),
      keyID: []
    )
    #expect(
      Base64URL.encode(message)
        == "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"
    )
  }

  @Test(arguments: [
    (0, 0, 103), (1, 0, 104), (10, 256, 359), (256, 256, 359), (257, 256, 360), (3993, 0, 4096),
    (3993, 9999, 4096), (1, 9999, 4096), (1, -1, 104),
  ])
  func `takes 103 bytes beside the payload and its padding`(
    payload: Int,
    length: Int,
    message: Int
  ) throws {
    let made = try PushEncryption.encrypt(
      [UInt8](repeating: 7, count: payload),
      for: RFC8291.subscription(),
      paddedTo: length
    )
    #expect(made.count == message)
    #expect(made[16..<21] == [0, 0, 16, 0, 65])
  }

  @Test func `refuses a payload that makes the message longer than 4096 bytes`() throws {
    let payload = [UInt8](repeating: 7, count: PushEncryption.maximumPayloadBytes + 1)
    let subscription = try RFC8291.subscription()
    #expect(throws: PushFailure("the payload has 3994 bytes, more than 3993")) {
      try PushEncryption.encrypt(payload, for: subscription)
    }
  }

  @Test(arguments: [0, 15, 17]) func `refuses a salt of another length`(length: Int) throws {
    let subscription = try RFC8291.subscription()
    #expect(throws: PushFailure("a salt has 16 bytes, not \(length)")) {
      try PushEncryption.encrypt(
        [],
        for: subscription,
        salt: [UInt8](repeating: 1, count: length)
      )
    }
  }

  @Test func `never uses a salt or a key twice`() throws {
    let subscription = try RFC8291.subscription()
    let messages = try (0..<20).map { _ in
      try PushEncryption.encrypt([1], for: subscription)
    }
    #expect(Set(messages.map { $0[..<16] }).count == 20)
    #expect(Set(messages.map { $0[21..<86] }).count == 20)
  }
}
