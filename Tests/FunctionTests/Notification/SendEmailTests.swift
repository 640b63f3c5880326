import API
import Endpoint
import JSON
import Testing
import Values

struct SendEmailTests {
  let fixture: Fixture
  let admin: Person

  init() throws {
    fixture = try Fixture()
    admin = try fixture.stranger(.admin)
  }

  func post(_ json: String, as caller: Person? = nil) throws -> Answer {
    let token = (caller ?? admin).token
    return try fixture.sendEmail.rest(
      "POST",
      "/api/v1/notifications/email",
      json: json,
      token: token
    )
  }

  @Test func `while no mail server answers it is accepted and recorded, with the reason`() throws {
    let answer = try post(
      #"{"recipient": "ada@example.com", "subject": "Hello", "body": "How are you?"}"#
    )

    #expect(answer.status == 202)
    #expect(answer["sent"] == .bool(false))
    #expect(answer["attempts"]?.integer == 0)
    #expect(answer.text("next_attempt_at") == fixture.clock.now.adding(seconds: 30).rfc3339)
    #expect(answer.text("last_error")?.isEmpty == false)
    let id = try #require(answer.text("id"))
    #expect(answer.headers["Location"] == "/api/v1/notifications/\(id)")
    let kept = try fixture.getNotification(.with { $0.id = id }, as: admin.caller)
    #expect(kept.recipient == "ada@example.com")
    #expect(kept.body == "How are you?")
    #expect(kept.type == .email)
    #expect(!kept.hasUserID)
  }

  @Test func `once five attempts in a row have failed, nobody asks the mail server for a while`()
    throws
  {
    let door = try fixture.sendEmail
    let request = SendEmailRequest.with {
      $0.recipient = "ada@example.com"
      $0.subject = "Hello"
      $0.body = "x"
    }
    let errors = try (0..<6).map { _ in try door(request, as: admin.caller).lastError }
    #expect(Set(errors.prefix(5)).count == 1)
    #expect(errors[5] == "the mail server does not answer at the moment")
    fixture.clock.advance(seconds: 31)
    #expect(try door(request, as: admin.caller).lastError == errors[0])
  }

  @Test func `every invalid field is named, and nothing is recorded`() throws {
    let answer = try post(#"{"recipient": "ada", "subject": "a\nb", "colour": "red"}"#)
    #expect(answer.code == .invalidArgument)
    #expect(Set(answer.details.keys) == ["recipient", "subject", "body", "colour"])
  }

  @Test func `users may not`() throws {
    let body = #"{"recipient": "ada@example.com", "subject": "Hello", "body": "x"}"#
    #expect(try post(body, as: fixture.stranger()).code == .permissionDenied)
    #expect(try post(body, as: fixture.stranger(.service)).status == 202)
  }
}
