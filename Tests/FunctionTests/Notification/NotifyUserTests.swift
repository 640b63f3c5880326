import API
import Endpoint
import ServiceClient
import Testing
import Values

struct NotifyUserTests {
  let fixture: Fixture
  let service: Caller
  let ada: ID

  init() throws {
    fixture = try Fixture()
    service = try fixture.stranger(.service).caller
    ada = fixture.id()
    let id = ada.text
    fixture.directory = UserDirectory { _, _ in
      .known(
        .with {
          $0.id = id
          $0.email = "ada@example.com"
          $0.timeZone = "Asia/Kathmandu"
        }
      )
    }
  }

  func request(_ change: (inout NotifyUserRequest) -> Void = { _ in }) -> NotifyUserRequest {
    var request = NotifyUserRequest()
    request.userID = ada.text
    request.key = "k/\(ada)"
    request.subject = "Hello"
    request.body = "World"
    change(&request)
    return request
  }

  @Test func `it is written down with the due date of the user's zone`() throws {
    let dueDate = Timestamp(try Instant(rfc3339: "2026-12-31T20:00:00Z"))
    let sent = try fixture.notifyUser(request { $0.dueDate = dueDate }, as: service).notifications
    #expect(sent.map(\.recipient) == ["ada@example.com"])
    #expect(sent.map(\.subject) == ["Hello"])
    #expect(
      sent.map(\.body) == ["World\nDue: Friday, 1 January 2027, 01:45 UTC+5:45 (Asia/Kathmandu)"]
    )
  }

  @Test func `with a key that was used before nothing is done, whatever else is said`() throws {
    let first = try fixture.notifyUser(request(), as: service)
    #expect(try fixture.notifyUser(request { $0.body = "Moon" }, as: service) == first)
    #expect(first.notifications.map(\.body) == ["World"])
    #expect(try fixture.notifyUser(request { $0.key += "2" }, as: service) != first)
  }

  @Test func `every invalid field is named`() throws {
    let refusal = fixture.notifyUser.refusal(
      .with {
        $0.userID = "me"
        $0.key = String(repeating: "k", count: 121)
        $0.subject = "two\nlines"
        $0.body = String(repeating: "b", count: 2001)
      },
      as: service
    )
    #expect(refusal?.details.keys.sorted() == ["body", "key", "subject", "user_id"])
  }

  @Test
  func
    `a user who does not exist, or is unknown while the User service is unavailable, is an error`()
    throws
  {
    fixture.directory = UserDirectory { _, _ in .unknown }
    #expect(fixture.notifyUser.refusal(request(), as: service)?.code == .userNotFound)
    fixture.directory = UserDirectory { _, _ in .unavailable }
    #expect(fixture.notifyUser.refusal(request(), as: service)?.code == .contactUnknown)
  }
}
