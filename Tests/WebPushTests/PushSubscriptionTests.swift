import Testing
import Values

@testable import WebPush

struct `A push subscription` {
  private func reasons(
    endpoint: String = RFC8291.endpoint,
    p256dh: String = RFC8291.p256dh,
    auth: String = RFC8291.auth,
    allowsPrivate: Bool = false
  ) -> [String] {
    do {
      _ = try PushSubscription(
        endpoint: endpoint,
        p256dh: p256dh,
        auth: auth,
        allowsPrivate: allowsPrivate
      )
      return []
    } catch {
      let violations = (error as? PushSubscription.Malformed)?.violations ?? []
      return violations.map { "\($0.field) \($0.reason)" }
    }
  }

  @Test func `has the data of the browser`() throws {
    let subscription = try RFC8291.subscription()
    #expect(subscription.endpoint == RFC8291.endpoint)
    #expect(Base64URL.encode(subscription.p256dh) == RFC8291.p256dh)
    #expect(Base64URL.encode(subscription.auth) == RFC8291.auth)
    #expect(subscription.origin == "https://push.example.net")
  }

  @Test func `may have its keys with padding`() throws {
    let padded = try PushSubscription(
      endpoint: RFC8291.endpoint,
      p256dh: RFC8291.p256dh + "=",
      auth: RFC8291.auth + "=="
    )
    #expect(try padded == RFC8291.subscription())
  }

  @Test func `reports everything that is wrong at once`() {
    #expect(
      reasons(endpoint: "http://push.example.net/x", p256dh: "BA", auth: "AA") == [
        "endpoint must be an https URL",
        "keys.p256dh must be an uncompressed point on P-256 (65 bytes) in base64url",
        "keys.auth must be 16 bytes in base64url",
      ]
    )
  }

  @Test func `refuses a key that is no point on the curve`() throws {
    var point = try bytes(base64URL: RFC8291.p256dh)
    point[64] ^= 1
    let compressed = [2 + (point[64] ^ 1) % 2] + point[1...32]
    let hybrid = [6 + (point[64] ^ 1) % 2] + point.dropFirst()
    let infinity = [UInt8](repeating: 0, count: 65)
    let tooLarge = [4] + [UInt8](repeating: 255, count: 64)
    for key in [point, compressed, Array(hybrid), infinity, tooLarge, [0], []] {
      #expect(reasons(p256dh: Base64URL.encode(key)).count == 1)
    }
  }

  @Test(arguments: [
    "", "BTBZMqHH6r4Tts7J_aSI", "BTBZMqHH6r4Tts7J_aSIggAA", "BTBZMqHH6r4Tts7J/aSIgg",
    "BTBZMqHH6r4Tts7J_aSIgg=", "BTBZMqHH6r4Tts7J_aSIgg===", "BTBZMqHH6r4Tts7J_aSIgg\n",
    "BTBZMqHH6r4Tts7J_aSIgh", String(repeating: "A", count: 100_000),
  ])
  func `refuses a secret that is not 16 bytes in base64url`(auth: String) {
    #expect(reasons(auth: auth) == ["keys.auth must be 16 bytes in base64url"])
  }

  @Test(arguments: [
    ("https://fcm.googleapis.com/fcm/send/a:b", "https://fcm.googleapis.com"),
    (
      "https://updates.push.services.mozilla.com/wpush/v2/gAA",
      "https://updates.push.services.mozilla.com"
    ),
    (
      "https://wns2-par02p.notify.windows.com/w/?token=BQ%2b",
      "https://wns2-par02p.notify.windows.com"
    ),
    ("HTTPS://Push.Example.NET:443/x", "https://push.example.net"),
    ("https://push.example.net:8443", "https://push.example.net:8443"),
    ("https://push.example.net?x@y", "https://push.example.net"),
    ("https://8.8.8.8/x", "https://8.8.8.8"),
    ("https://[2606:4700::1111]:444/x", "https://[2606:4700::1111]:444"),
  ])
  func `knows its push service`(endpoint: String, origin: String) throws {
    let subscription = try PushSubscription(
      endpoint: endpoint,
      p256dh: RFC8291.p256dh,
      auth: RFC8291.auth
    )
    #expect(subscription.origin == origin)
    #expect(subscription.endpoint == endpoint)
  }

  @Test(arguments: [
    ("", "be an https URL"),
    ("https:/push.example.net", "be an https URL"),
    ("http://push.example.net/", "be an https URL"),
    ("ftp://push.example.net/", "be an https URL"),
    (" https://push.example.net/", "be an https URL"),
    ("https://", "have a host"),
    ("https:///x", "have a host"),
    ("https://:443/x", "have a host"),
    ("https://./x", "have a host"),
    ("https://[::1", "have a host"),
    ("https://[fe80::1%25eth0]/", "have a host"),
    ("https://[push.example.net]/", "have a host"),
    ("https://push%2eexample.net/", "have a host"),
    ("https://a;b/", "have a host"),
    ("https://push.example.net:/", "have a port between 1 and 65535, or none"),
    ("https://push.example.net:0/", "have a port between 1 and 65535, or none"),
    ("https://push.example.net:65536/", "have a port between 1 and 65535, or none"),
    ("https://push.example.net:+1/", "have a port between 1 and 65535, or none"),
    ("https://[2606:4700::1111]x/", "have a port between 1 and 65535, or none"),
    ("https://user@push.example.net/", "have no user name or password"),
    ("https://push.example.net:443@127.0.0.1/", "have no user name or password"),
    ("https://push.example.net/#x", "have no fragment"),
    ("https://push.example.net#@127.0.0.1/", "have no fragment"),
    ("https://push.example.net/a b", "have no characters that a URL cannot have"),
    ("https://push.example.net\\@127.0.0.1/", "have no characters that a URL cannot have"),
    ("https://push.example.net/\r\nx", "have no characters that a URL cannot have"),
    ("https://push.example.net/\0", "have no characters that a URL cannot have"),
    ("https://püsh.example.net/", "have no characters that a URL cannot have"),
    ("https://１２７.0.0.1/", "have no characters that a URL cannot have"),
  ])
  func `refuses invalid endpoints`(endpoint: String, wanted: String) {
    #expect(reasons(endpoint: endpoint) == ["endpoint must \(wanted)"])
  }

  @Test func `has a host that a name server may know`() {
    let longest = String(repeating: "x", count: 253)
    #expect(reasons(endpoint: "https://\(longest)/x") == [])
    #expect(reasons(endpoint: "https://\(longest)x/x") == ["endpoint must have a host"])
  }

  @Test func `is checked with all that is wrong, for who collects it`() {
    let valid = PushSubscription.check(
      endpoint: RFC8291.endpoint,
      p256dh: RFC8291.p256dh,
      auth: RFC8291.auth,
      allowsPrivate: false
    )
    #expect(valid.origin == "https://push.example.net")
    #expect(valid.violations.isEmpty)
    let wrong = PushSubscription.check(
      endpoint: "https://10.0.0.1/x",
      p256dh: "x",
      auth: "",
      allowsPrivate: false
    )
    #expect(wrong.origin.isEmpty)
    #expect(wrong.violations.map(\.field) == ["endpoint", "keys.p256dh", "keys.auth"])
  }

  @Test func `has at most 2048 characters`() {
    let start = "https://push.example.net/"
    let longest = start + String(repeating: "x", count: 2048 - start.count)
    #expect(reasons(endpoint: longest).isEmpty)
    #expect(reasons(endpoint: longest + "x") == ["endpoint must have at most 2048 characters"])
  }

  @Test(arguments: [
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local", "printer.local.",
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.0.0.1",
    "017700000001", "0177.0.0.1", "0", "0.0.0.0", "10.0.0.1", "012.1", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]",
    "[fd00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::10.0.0.1]", "[2002:7f00:1::]",
  ])
  func `refuses an endpoint in our own network unless told otherwise`(host: String) {
    let endpoint = "https://\(host):8443/x"
    #expect(reasons(endpoint: endpoint) == ["endpoint must be on the public internet"])
    #expect(reasons(endpoint: endpoint, allowsPrivate: true).isEmpty)
  }

  @Test(arguments: [
    "localhost.example.net", "mylocal", "1.2.3.4.example.net", "0x7f.example", "127.0.0.1.5",
  ])
  func `takes names that only look like such`(host: String) {
    #expect(reasons(endpoint: "https://\(host)/x").isEmpty)
  }
}
