import API
import Endpoint
import JSON
import Testing
import Values
import WebPush

@testable import Notifications

struct SendPushNotificationTests {
  let fixture: Fixture
  let admin: Person
  let ada: Person

  init() throws {
    fixture = try Fixture()
    admin = try fixture.stranger(.admin)
    ada = try fixture.stranger()
  }

  func post(_ json: String, as caller: Person? = nil) throws -> Answer {
    try fixture.sendPushNotification.rest(
      "POST",
      "/api/v1/notifications/push",
      json: json,
      token: (caller ?? admin).token
    )
  }

  func post(to person: Person, as caller: Person? = nil) throws -> Answer {
    try post(
      #"{"user_id": "\#(person.id)", "subject": "Hello", "body": "How are you?"}"#,
      as: caller
    )
  }

  @Test func `what a browser has at once is sent`() throws {
    try fixture.subscribe(ada)
    var texts: [String] = []
    fixture.pushServices = { message in
      texts.append(String(decoding: message.payload, as: UTF8.self))
      return .delivered
    }
    let answer = try post(to: ada)
    #expect(answer.status == 201)
    let id = try #require(answer.text("id"))
    #expect(answer.headers["Location"] == "/api/v1/notifications/\(id)")
    #expect(answer.text("type") == "PUSH")
    #expect(answer.text("recipient") == ada.id.text)
    #expect(answer.text("user_id") == ada.id.text)
    #expect(answer["sent"] == .bool(true))
    #expect(answer["attempts"]?.integer == 1)
    #expect(answer["last_error"] == .null)
    #expect(texts == [#"{"id":"\#(id)","title":"Hello","body":"How are you?"}"#])
    let seen = try fixture.getNotification(.with { $0.id = id }, as: ada.caller)
    #expect(seen.sent && seen.body == "How are you?")
  }

  @Test func `while no push service answers it is recorded, with the reason`() throws {
    let service = fixture.pushService()
    try fixture.subscribe(ada, at: service + "/x")
    let answer = try post(to: ada)
    #expect(answer.status == 202)
    #expect(answer["sent"] == .bool(false))
    #expect(answer["attempts"]?.integer == 0)
    #expect(answer.text("next_attempt_at") == fixture.clock.now.adding(seconds: 30).rfc3339)
    #expect(answer.text("last_error") == "\(service): no route")
    let id = try #require(answer.text("id"))
    // The user is not told which push service it is.
    let seen = try fixture.getNotification(.with { $0.id = id }, as: ada.caller)
    #expect(seen.lastError == "it could not be sent yet")
  }

  @Test func `to somebody without a browser nothing is written down`() throws {
    let soon = fixture.clock.now.adding(seconds: 60)
    let refused = try post(to: ada)
    #expect(refused.status == 409)
    #expect(refused.code == .noSubscription)
    try fixture.subscribe(ada, expiresAt: soon)
    fixture.clock.advance(seconds: 60)
    #expect(try post(to: ada).code == .noSubscription)
    #expect(
      try fixture.listNotifications(.init(), as: ada.caller).notifications.isEmpty
    )
    let rpc = try fixture.sendPushNotification.rpc(
      [
        .with {
          $0.userID = ada.id.text
          $0.subject = "Hello"
        }
      ],
      token: admin.token
    )
    #expect(rpc.status == .failedPrecondition)
  }

  @Test func `for a deleted user nothing is recorded`() throws {
    try fixture.subscribe(ada)
    try fixture.forget(ada)
    #expect(try post(to: ada).code == .userNotFound)
    #expect(
      try fixture.listNotifications(.init(), as: ada.caller).notifications.isEmpty
    )
  }

  @Test func `every invalid field is named`() throws {
    let answer = try post(
      #"{"user_id": "x", "subject": "a\nb", "body": "\#(String(repeating: "x", count: 2001))", "to": 1}"#
    )
    #expect(answer.code == .invalidArgument)
    #expect(Set(answer.details.keys) == ["user_id", "subject", "body", "to"])
    #expect(try Set(post("{}").details.keys) == ["user_id", "subject"])
  }

  @Test func `it may have no text`() throws {
    try fixture.subscribe(ada)
    fixture.pushServices = { _ in .delivered }
    let answer = try post(#"{"user_id": "\#(ada.id)", "subject": "Hello"}"#)
    #expect(answer.status == 201)
    #expect(answer.text("body") == "")
  }

  @Test func `users may not`() throws {
    try fixture.subscribe(ada)
    fixture.pushServices = { _ in .delivered }
    #expect(try post(to: ada, as: ada).code == .permissionDenied)
    #expect(try post(to: ada, as: fixture.stranger(.service)).status == 201)
  }
}
