import API
import Endpoint
import Runtime
import Serving
import Testing
import Validation
import Values

struct UnsubscribeTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
  }

  func user() throws -> UserMessage {
    try fixture.getUser(.with { $0.id = ada.id.text }, as: ada.caller)
  }

  @Test func `the link of a mail switches its reader's mail off, and nothing else`() throws {
    let token = try fixture.notificationService.unsubscribeTokens.token(of: ada.id)
    for _ in 0..<2 {
      // As mail programs do. Source: RFC 8058 §3.2.
      let answer = try fixture.unsubscribe.rest(
        "POST",
        "/api/v1/unsubscribe/\(token)",
        json: "List-Unsubscribe=One-Click",
        headers: ["CONTENT_TYPE": "application/x-www-form-urlencoded"]
      )
      #expect(answer.status == 204)
    }
    let now = try user()
    #expect(!now.emailNotifications && now.pushNotifications)
    #expect(now.version == 2)
  }

  @Test func `a token that was not issued by us does nothing`() throws {
    let other = try fixture.notificationService.unsubscribeTokens.token(of: fixture.id())
    let token = try fixture.notificationService.unsubscribeTokens.token(of: ada.id)
    // Somebody else's MAC before Ada's id.
    let forged = other.prefix(21) + token.dropFirst(21)
    for bad in ["x", String(forged), token + "A", String(token.dropLast()), ada.id.text] {
      let answer = try fixture.unsubscribe.rest("POST", "/api/v1/unsubscribe/\(bad)")
      #expect(answer.code == .linkNotFound, "\(bad)")
    }
    #expect(try user().emailNotifications)
  }

  @Test func `the answer for a deleted user is the same`() throws {
    let token = try fixture.notificationService.unsubscribeTokens.token(of: fixture.id())
    #expect(fixture.unsubscribe.refusal(.with { $0.token = token }) == nil)
  }
}
