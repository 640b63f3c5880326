import API
import Endpoint
import PostgreSQL
import Runtime
import ServiceClient
import Serving
import Testing
import Values

struct SendTaskReminderTests {
  let fixture: Fixture
  let service: Caller
  let ada: ID

  init() throws {
    fixture = try Fixture()
    service = try fixture.stranger(.service).caller
    ada = fixture.id()
  }

  func request(_ change: (inout SendTaskReminderRequest) -> Void = { _ in })
    -> SendTaskReminderRequest
  {
    var request = SendTaskReminderRequest()
    request.taskID = fixture.id().text
    request.userID = ada.text
    request.title = "Paint"
    // 2026-11-18T14:26:40Z.
    request.dueDate = Timestamp(Instant(seconds: 1_795_012_000))
    request.leadMinutes = 60
    change(&request)
    return request
  }

  func know(
    _ zone: String,
    email: String = "ada@example.com",
    _ change: (inout UserMessage) -> Void = { _ in }
  ) {
    var user = UserMessage()
    user.id = ada.text
    user.email = email
    user.timeZone = zone
    change(&user)
    fixture.directory = UserDirectory { [user] _, _ in .known(user) }
  }

  /// The only notification that results.
  func send(_ request: SendTaskReminderRequest) throws -> NotificationMessage {
    let sent = try fixture.sendTaskReminder(request, as: service).notifications
    try #require(sent.count == 1)
    return sent[0]
  }

  /// A browser of Ada's.
  func subscribe() throws {
    let id = fixture.id().text
    _ = try fixture.notificationService.database.write(
      Query(
        """
        INSERT INTO push_subscriptions (id, user_id, endpoint, origin, p256dh, auth, created_at)
        VALUES ($1::varchar, $2, 'https://push.example.com/' || $1::varchar, 'https://push.example.com', 'p', 'a', now())
        """,
        .text(id),
        .text(ada.text)
      )
    )
  }

  @Test func `it is written down for each channel that is on`() throws {
    know("UTC")
    try subscribe()
    let both = try fixture.sendTaskReminder(request(), as: service).notifications
    #expect(both.map(\.type) == [.email, .push])
    #expect(both.map(\.recipient) == ["ada@example.com", ada.text])

    know("UTC") { $0.emailNotifications = false }
    #expect(try send(request()).type == .push)
    know("UTC") { $0.pushNotifications = false }
    #expect(try send(request()).type == .email)
  }

  @Test func `a user who has turned all channels off is not reminded`() throws {
    know("UTC") {
      $0.emailNotifications = false
      $0.pushNotifications = false
    }
    try subscribe()
    #expect(try fixture.sendTaskReminder(request(), as: service) == SentNotifications())
  }

  @Test
  func `for a deleted user nothing is recorded, whatever the User service said before`()
    throws
  {
    know("UTC")
    _ = try send(request())
    try fixture.forgetUser(.with { $0.userID = ada.text }, as: service)
    #expect(fixture.sendTaskReminder.refusal(request(), as: service)?.code == .userNotFound)
    fixture.directory = UserDirectory { _, _ in .unavailable }
    #expect(fixture.sendTaskReminder.refusal(request(), as: service)?.code == .userNotFound)
  }

  @Test func `it is written down for the user's address, to be sent at once`() throws {
    know("Europe/Berlin")
    let sent = try send(request())

    #expect(sent.type == .email)
    #expect(sent.recipient == "ada@example.com")
    #expect(sent.userID == ada.text)
    #expect(sent.subject == "Reminder: Paint")
    #expect(!sent.sent)
    #expect(sent.attempts == 0)
    #expect(sent.nextAttemptAt.instant == fixture.clock.now)
  }

  @Test(arguments: [
    (
      "Europe/Berlin", "2026-07-01T10:00:00Z",
      "Wednesday, 1 July 2026, 12:00 CEST, UTC+2 (Europe/Berlin)"
    ),
    (
      "Europe/Berlin", "2026-12-01T10:00:00Z",
      "Tuesday, 1 December 2026, 11:00 CET, UTC+1 (Europe/Berlin)"
    ),
    // In the night when the clocks go back, one hour occurs twice.
    (
      "Europe/Berlin", "2027-10-31T00:30:00Z",
      "Sunday, 31 October 2027, 02:30 CEST, UTC+2 (Europe/Berlin)"
    ),
    (
      "Europe/Berlin", "2027-10-31T01:30:00Z",
      "Sunday, 31 October 2027, 02:30 CET, UTC+1 (Europe/Berlin)"
    ),
    // There, by half an hour.
    (
      "Australia/Lord_Howe", "2027-04-03T14:45:00Z",
      "Sunday, 4 April 2027, 01:45 UTC+11 (Australia/Lord_Howe)"
    ),
    (
      "Australia/Lord_Howe", "2027-04-03T15:15:00Z",
      "Sunday, 4 April 2027, 01:45 UTC+10:30 (Australia/Lord_Howe)"
    ),
    (
      "Europe/London", "2027-01-01T12:00:00Z",
      "Friday, 1 January 2027, 12:00 GMT, UTC+0 (Europe/London)"
    ),
    (
      "America/New_York", "2026-03-08T07:00:00Z",
      "Sunday, 8 March 2026, 03:00 EDT, UTC-4 (America/New_York)"
    ),
    (
      "America/St_Johns", "2026-01-15T12:00:00Z",
      "Thursday, 15 January 2026, 08:30 NST, UTC-3:30 (America/St_Johns)"
    ),
    // Their abbreviations are -03, +0545, -00 and +14.
    (
      "America/Sao_Paulo", "2027-10-31T00:30:00Z",
      "Saturday, 30 October 2027, 21:30 UTC-3 (America/Sao_Paulo)"
    ),
    (
      "Asia/Kathmandu", "2026-12-31T20:00:00Z",
      "Friday, 1 January 2027, 01:45 UTC+5:45 (Asia/Kathmandu)"
    ),
    ("Factory", "2027-01-01T00:00:00Z", "Friday, 1 January 2027, 00:00 UTC+0 (Factory)"),
    (
      "Pacific/Kiritimati", "2027-01-01T00:00:00Z",
      "Friday, 1 January 2027, 14:00 UTC+14 (Pacific/Kiritimati)"
    ),
    (
      "Asia/Kolkata", "2027-10-31T00:30:00Z",
      "Sunday, 31 October 2027, 06:00 IST, UTC+5:30 (Asia/Kolkata)"
    ),
    // The name of this zone is also an abbreviation without summer time.
    ("CET", "2027-07-01T12:00:00Z", "Thursday, 1 July 2027, 14:00 CEST, UTC+2 (CET)"),
    ("Etc/GMT+3", "2027-07-01T12:00:00Z", "Thursday, 1 July 2027, 09:00 UTC-3 (Etc/GMT+3)"),
    ("Etc/UTC", "2028-02-29T00:00:00Z", "Tuesday, 29 February 2028, 00:00 UTC (Etc/UTC)"),
    ("UTC", "2028-02-29T00:00:00Z", "Tuesday, 29 February 2028, 00:00 (UTC)"),
  ])
  func `the due time is that of the user's zone, summer time included`(
    zone: String,
    dueDate: String,
    local: String
  ) throws {
    know(zone)
    let dueDate = Timestamp(try Instant(rfc3339: dueDate))
    let sent = try send(request { $0.dueDate = dueDate })
    #expect(sent.body == "Task: Paint\nDue: \(local)\nPriority: MEDIUM")
  }

  @Test func `asked for again it is the same one, whatever the user is by then`() throws {
    know("UTC")
    let asked = request()
    let first = try send(asked)
    know("UTC", email: "new@example.com")
    fixture.clock.advance(seconds: 60)
    #expect(try send(asked) == first)
    #expect(try send(request { $0.leadMinutes = 0 }).id != first.id)
  }

  @Test func `asked for by many at once it is one`() throws {
    know("UTC")
    let asked = request()
    let (keys, caller, id) = (fixture.keys, service, ada.text)
    let ids = try onThreads(8) { _ in
      let other = try Fixture(keys: keys)
      other.directory = UserDirectory { _, _ in
        .known(
          .with {
            $0.id = id
            $0.email = "ada@example.com"
            $0.timeZone = "UTC"
          }
        )
      }
      return try other.sendTaskReminder(asked, as: caller).notifications.map(\.id)
    }.map { try $0.get() }
    #expect(Set(ids).count == 1)
  }

  @Test func `while the User service is unavailable its last answer counts`() throws {
    know("Europe/Berlin")
    _ = try send(request())
    fixture.directory = UserDirectory { _, _ in .unavailable }
    #expect(try send(request()).recipient == "ada@example.com")
  }

  @Test func `of somebody of whom nothing is known it is tried later`() throws {
    #expect(fixture.sendTaskReminder.refusal(request(), as: service)?.code == .contactUnknown)
  }

  @Test func `a user who does not exist is not reminded`() throws {
    fixture.directory = UserDirectory { _, _ in .unknown }
    #expect(fixture.sendTaskReminder.refusal(request(), as: service)?.code == .userNotFound)
  }

  @Test func `only services may call it, and only by gRPC`() throws {
    let bytes: [UInt8] = try request().serializedBytes()
    for role in [Role.user, .admin] {
      let token = try fixture.stranger(role).token
      let answer = try fixture.sendTaskReminder.rpc(body: frame(bytes), token: token)
      #expect(answer.code == .permissionDenied)
    }
  }
}
