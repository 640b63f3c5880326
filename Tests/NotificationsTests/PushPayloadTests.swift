import JSON
import Testing

@testable import Notifications

struct `The payload of a push message` {
  private let id = "01890000-0000-7000-8000-000000000000"

  private func body(of payload: [UInt8]) throws -> String {
    guard case .object(let object) = try JSONValue(parsing: payload) else { return "no object" }
    return object["body"]?.string ?? "no body"
  }

  @Test func `is what a service worker reads`() throws {
    let payload = PushPayload.bytes(id: id, title: "Grüße \"💥\"", body: "One\nTwo", maximum: 3993)
    #expect(
      String(decoding: payload, as: UTF8.self)
        == #"{"id":"\#(id)","title":"Grüße \"💥\"","body":"One\nTwo"}"#
    )
  }

  @Test(arguments: ["x", "ä", "💥", "\"", "\n", "\u{1}", "👩‍👩‍👧", "e\u{301}"])
  func `is cut to what a message can hold, between two characters`(character: String) throws {
    let whole = String(repeating: character, count: 10_000)
    for maximum in 200...220 {
      let payload = PushPayload.bytes(id: id, title: "Title", body: whole, maximum: maximum)
      let body = try body(of: payload)
      #expect(payload.count <= maximum)
      #expect(payload.count > maximum - 30)
      #expect(body.hasSuffix("…"))
      #expect(body.dropLast().allSatisfy { String($0) == character })
    }
  }

  @Test func `is whole when it just fits`() throws {
    let empty = PushPayload.bytes(id: id, title: "Title", body: "", maximum: 3993).count
    let longest = String(repeating: "x", count: 3993 - empty)
    let payload = PushPayload.bytes(id: id, title: "Title", body: longest, maximum: 3993)
    #expect(payload.count == 3993)
    #expect(try body(of: payload) == longest)
    let cut = PushPayload.bytes(id: id, title: "Title", body: longest + "x", maximum: 3993)
    #expect(try body(of: cut) == longest.dropLast(3) + "…")
  }

  @Test func `may be all title`() throws {
    let title = String(repeating: "💥", count: 255)
    let payload = PushPayload.bytes(
      id: id,
      title: title,
      body: String(repeating: "x", count: 10_000),
      maximum: 3993
    )
    #expect(payload.count == 3993)
  }
}
