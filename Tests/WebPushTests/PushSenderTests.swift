import Testing
import Values

@testable import WebPush

/// The behaviour without a push service. With one, see `Tests/EndToEnd/push_service.py`.
struct `A push sender` {
  private func send(
    payload: Int = 1,
    endpoint: String = "https://127.0.0.1:1/x",
    topic: String? = nil,
    milliseconds: Int = 2000,
    subject: String = "mailto:push@example.com",
    allowsPrivate: Bool = true
  ) throws -> DeliveryOutcome {
    let sender = PushSender(
      key: try VAPIDKey(pem: Array(pkcs8Key.utf8)),
      subject: subject,
      allowsPrivateAddresses: allowsPrivate,
      caFile: nil
    )
    let subscription = try PushSubscription(
      endpoint: endpoint,
      p256dh: RFC8291.p256dh,
      auth: RFC8291.auth,
      allowsPrivate: true
    )
    return sender.send(
      [UInt8](repeating: 1, count: payload),
      to: subscription,
      ttlSeconds: 60,
      urgency: .normal,
      topic: topic,
      now: Instant(seconds: 1_700_000_000),
      deadline: Deadline(millisecondsFromNow: milliseconds)
    )
  }

  @Test func `reaches nobody where nobody listens`() throws {
    #expect(try send() == .unreachable(reason: "Couldn't connect to server"))
  }

  @Test(arguments: [
    "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1",
  ])
  func `connects to no private address`(host: String) throws {
    let outcome = try send(endpoint: "https://\(host):1/x", allowsPrivate: false)
    guard case .refused(let reason) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(reason.hasPrefix("the push service is not on the public internet: "))
  }

  @Test func `connects to no private address that hides behind a name`() throws {
    let outcome = try send(endpoint: "https://localhost:1/x", allowsPrivate: false)
    guard case .refused(let reason) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(reason.contains("127.0.0.1") || reason.contains("::1"))
  }

  @Test(arguments: ["", "a b", "a.b", "ä", "a\r\nX: y", String(repeating: "a", count: 33)])
  func `refuses an invalid topic`(topic: String) throws {
    #expect(
      try send(topic: topic)
        == .refused(reason: "a topic has at most 32 characters of base64url")
    )
  }

  @Test func `refuses a payload that is too long, and an invalid contact`() throws {
    #expect(
      try send(payload: 3994) == .refused(reason: "the payload has 3994 bytes, more than 3993")
    )
    #expect(
      try send(subject: "nobody") == .refused(reason: "the subject must be a mailto: or https: URI")
    )
  }

  @Test func `does not begin when there is no time left`() throws {
    #expect(
      try send(milliseconds: 0) == .postponed(reason: "there is no time left", afterSeconds: nil)
    )
  }
}
