import API
import Endpoint
import PostgreSQL
import Runtime
import ServiceClient
import Serving
import Stores
import Testing
import Values

/// `SaveContact` and `ForgetUser`: the contact data of a user.
struct ContactTests {
  let fixture: Fixture
  let service: Caller
  let ada: ID

  init() throws {
    fixture = try Fixture()
    service = try fixture.stranger(.service).caller
    ada = fixture.id()
  }

  func save(_ change: (inout SaveContactRequest) -> Void = { _ in }) throws {
    var request = SaveContactRequest()
    request.userID = ada.text
    request.email = "ada@example.com"
    request.timeZone = "Europe/Berlin"
    request.version = 3
    change(&request)
    try fixture.saveContact(request, as: service)
  }

  func contact() throws -> ContactStore.Contact? {
    try fixture.notificationService.contacts(by: .soon).find(ada, localTimeOf: Instant(seconds: 0))
  }

  @Test func `newer data replaces older data, never the other way round`() throws {
    try save()
    #expect(try contact()?.email == "ada@example.com")
    #expect(
      try contact()?.localTime == "Thursday, 1 January 1970, 01:00 CET, UTC+1 (Europe/Berlin)"
    )
    try save {
      $0.email = "old@example.com"
      $0.version = 2
    }
    #expect(try contact()?.email == "ada@example.com")
    try save {
      $0.email = "new@example.com"
      $0.version = 4
    }
    #expect(try contact()?.email == "new@example.com")
  }

  @Test
  func
    `who has all channels off wants nothing, and a version that does not know of them wants all`()
    throws
  {
    try save()
    #expect(try contact()?.wantsAnything == true)
    try save {
      $0.emailNotifications = false
      $0.pushNotifications = false
    }
    #expect(try contact()?.wantsAnything == false)
  }

  @Test func `a zone that the database does not know is taken for UTC`() throws {
    try save { $0.timeZone = "Mars/Phobos" }
    #expect(try contact()?.localTime == "Thursday, 1 January 1970, 00:00 (UTC)")
  }

  @Test func `a local time leaves the session's time zone as it was`() throws {
    let database = fixture.notificationService.database.by(.soon)
    try save { $0.timeZone = "Asia/Tokyo" }
    let before = try database.one(Query("SHOW timezone")) { try $0.text(0) }
    #expect(try contact()?.localTime == "Thursday, 1 January 1970, 09:00 JST, UTC+9 (Asia/Tokyo)")
    #expect(try database.one(Query("SHOW timezone")) { try $0.text(0) } == before)
    try save { $0.timeZone = "Mars/Phobos" }
    _ = try contact()
    #expect(try database.one(Query("SHOW timezone")) { try $0.text(0) } == before)
  }

  @Test func `what waits for a channel that is turned off is discarded, and nothing else`() throws {
    try save()
    let id = ada.text
    fixture.directory = UserDirectory { _, _ in
      .known(
        .with {
          $0.id = id
          $0.email = "ada@example.com"
          $0.timeZone = "UTC"
          $0.version = 3
        }
      )
    }
    let told = try fixture.notifyUser(
      .with {
        $0.userID = id
        $0.key = "k/\(id)"
        $0.subject = "Hello"
        $0.body = "World"
      },
      as: service
    ).notifications
    func waits() throws -> Bool {
      let store = fixture.notificationService.notifications(by: .soon)
      return try store.find(ID(stored: told[0].id), owner: nil).hasNextAttemptAt
    }
    try save {
      $0.pushNotifications = false
      $0.version = 4
    }
    #expect(try waits())
    try save {
      $0.emailNotifications = false
      $0.version = 5
    }
    #expect(try !waits())
  }

  @Test func `every invalid field is named`() throws {
    let refusal = fixture.saveContact.refusal(
      .with {
        $0.userID = "me"
        $0.email = "nowhere"
        $0.timeZone = String(repeating: "z", count: 65)
      },
      as: service
    )
    #expect(refusal?.details.keys.sorted() == ["email", "time_zone", "user_id"])
    #expect(
      fixture.forgetUser.refusal(.with { $0.userID = "me" }, as: service)?.code == .invalidArgument
    )
  }

  @Test func `who is forgotten stays so, twice as well as once, known before or not`() throws {
    try save()
    for _ in 0..<2 { try fixture.forgetUser(.with { $0.userID = ada.text }, as: service) }
    #expect(try contact() == nil)
    try save { $0.version = 9 }
    #expect(try contact() == nil)

    let bob = fixture.id()
    try fixture.forgetUser(.with { $0.userID = bob.text }, as: service)
    #expect(try fixture.notificationService.contacts(by: .soon).isForgotten(bob))
  }

  @Test func `neither is for users, not even for admins`() throws {
    for role in [Role.user, .admin] {
      let token = try fixture.stranger(role).token
      #expect(
        try fixture.forgetUser.rpc([.with { $0.userID = ada.text }], token: token).code
          == .permissionDenied
      )
      #expect(
        try fixture.saveContact.rpc([.with { $0.userID = ada.text }], token: token).code
          == .permissionDenied
      )
    }
  }
}
