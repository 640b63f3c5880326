import Testing
import Values

@testable import WebPush

struct `The answer of a push service` {
  private let now = Instant(seconds: 1_700_000_000)  // Tue, 14 Nov 2023 22:13:20 GMT

  private func outcome(
    _ status: Int,
    retryAfter: String? = nil,
    body: String = ""
  ) -> DeliveryOutcome {
    let answer = PushAnswer()
    var lines = ["HTTP/1.1 \(status) \r\n", "Content-Type: text/plain\r\n"]
    if let retryAfter { lines.append("Retry-After: \(retryAfter)\r\n") }
    for line in lines { #expect(Array(line.utf8).withUnsafeBytes { answer.add(line: $0) }) }
    _ = Array(body.utf8).withUnsafeBytes { answer.append($0) }
    return answer.outcome(status: status, at: now)
  }

  @Test(arguments: [200, 201, 202, 204]) func `is that it was accepted`(status: Int) {
    #expect(outcome(status) == .delivered)
  }

  @Test(arguments: [404, 410]) func `is that the subscription has ended`(status: Int) {
    #expect(outcome(status, body: "gone") == .gone(reason: "HTTP \(status): gone"))
  }

  @Test(arguments: [408, 425, 429, 500, 502, 503, 504, 507]) func `is to come again`(status: Int) {
    #expect(outcome(status) == .postponed(reason: "HTTP \(status)", afterSeconds: nil))
  }

  @Test(arguments: [301, 302, 307, 400, 401, 403, 405, 413, 418, 451, 600])
  func `is that it never will be accepted`(status: Int) {
    #expect(outcome(status) == .refused(reason: "HTTP \(status)"))
  }

  @Test(arguments: [
    ("0", 0), ("120", 120), ("86400", 86_400), ("86401", 86_400),
    ("99999999999999999999999", 86_400), ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
    ("Tuesday, 14-Nov-23 22:14:20 GMT", 60), ("Tue Nov 14 22:14:20 2023", 60),
    ("Tue, 14 Nov 2023 22:13:19 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400), ("", nil),
    ("soon", nil), ("-1", nil), ("1.5", nil),
  ])
  func `says when to come again, as seconds or date`(retryAfter: String, seconds: Int?) {
    #expect(
      outcome(429, retryAfter: retryAfter) == .postponed(reason: "HTTP 429", afterSeconds: seconds)
    )
  }

  @Test func `is told in printable characters, and not for ever`() {
    #expect(
      outcome(400, body: "{\r\n \"reason\":\t\"Bad\u{1B}[31mJwtToken\"}\u{0}\u{e9}\n")
        == .refused(reason: "HTTP 400: { \"reason\": \"Bad [31mJwtToken\"}")
    )
    let long = outcome(400, body: String(repeating: "x", count: 4096))
    #expect(long == .refused(reason: "HTTP 400: " + String(repeating: "x", count: 256) + "…"))
  }

  @Test func `is read up to 4096 bytes of body and 16384 of header`() {
    let answer = PushAnswer()
    let bytes = [UInt8](repeating: 0x78, count: 4096)
    #expect(bytes.withUnsafeBytes { answer.append($0) })
    #expect(!bytes.prefix(1).withUnsafeBytes { answer.append($0) })
    for _ in 0..<4 { #expect(bytes.withUnsafeBytes { answer.add(line: $0) }) }
    #expect(!bytes.prefix(1).withUnsafeBytes { answer.add(line: $0) })
  }
}
