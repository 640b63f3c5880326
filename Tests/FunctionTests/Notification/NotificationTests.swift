import API
import Endpoint
import JSON
import PostgreSQL
import Runtime
import ServiceClient
import Serving
import Stores
import Testing
import Validation
import Values

struct NotificationTests {
  let fixture: Fixture
  let admin: Person

  init() throws {
    fixture = try Fixture(notifications: ScratchDatabase(migrations: "notification_db"))
    admin = try fixture.stranger(.admin)
  }

  var store: NotificationStore { fixture.notificationService.notifications(by: .soon) }

  /// A reminder to somebody.
  func reminder(to person: Person) throws -> NotificationMessage {
    let (id, email) = (person.id.text, person.email)
    fixture.directory = UserDirectory { _, _ in
      .known(
        .with {
          $0.id = id
          $0.email = email
          $0.timeZone = "UTC"
        }
      )
    }
    let request = SendTaskReminderRequest.with {
      $0.taskID = fixture.id().text
      $0.userID = id
      $0.title = "Paint"
      $0.dueDate = Timestamp(fixture.clock.now.adding(seconds: 3600))
    }
    let service = Caller(userID: ID(stored: ""), role: .service)
    return try #require(try fixture.sendTaskReminder(request, as: service).notifications.first)
  }

  func read(_ id: String) throws -> NotificationMessage {
    try store.find(ID(stored: id), owner: nil)
  }

  @Test func `people see their own, admins all, and nobody what is not there`() throws {
    let (ada, bob) = (try fixture.stranger(), try fixture.stranger())
    let hers = try reminder(to: ada)
    let answer = try fixture.getNotification.rest(
      "GET",
      "/api/v1/notifications/\(hers.id)",
      token: ada.token
    )
    #expect(answer.status == 200)
    #expect(answer["sent"] == .bool(false))
    #expect(try fixture.getNotification(.with { $0.id = hers.id }, as: admin.caller) == hers)
    for id in [hers.id, fixture.id().text, "x"] {
      let refusal = fixture.getNotification.refusal(.with { $0.id = id }, as: bob.caller)
      #expect(refusal == .notificationNotFound)
    }
  }

  @Test func `a list has the newest first, in pages that join`() throws {
    let ada = try fixture.stranger()
    var ids: [String] = []
    for number in 0..<7 {
      if number % 3 == 0 { fixture.clock.advance(seconds: 1) }
      ids.append(try reminder(to: ada).id)
    }
    _ = try reminder(to: fixture.stranger())
    var found: [NotificationMessage] = []
    var token = ""
    repeat {
      let page = try fixture.listNotifications(
        .with {
          $0.pageSize = 3
          $0.pageToken = token
        },
        as: ada.caller
      )
      found += page.notifications
      token = page.nextPageToken
    } while !token.isEmpty
    #expect(Set(found.map(\.id)) == Set(ids))
    #expect(found.count == ids.count)
    #expect(found.map(\.createdAt.instant) == found.map(\.createdAt.instant).sorted(by: >))
    #expect(try fixture.listNotifications(.init(), as: admin.caller).notifications.count == 8)
  }

  @Test func `a page token of one person is none of another's`() throws {
    let (ada, bob) = (try fixture.stranger(), try fixture.stranger())
    for _ in 0..<2 { _ = try reminder(to: ada) }
    let token = try fixture.listNotifications(.with { $0.pageSize = 1 }, as: ada.caller)
      .nextPageToken
    let refusal = fixture.listNotifications.refusal(.with { $0.pageToken = token }, as: bob.caller)
    #expect(refusal?.code == .invalidPageToken)
  }

  @Test func `a claimed notification is leased: nobody else finds it before the lease expires`()
    throws
  {
    let one = try reminder(to: fixture.stranger())
    let now = fixture.clock.now
    let taken = try store.claim(10, .email, at: now, leasedUntil: now.adding(seconds: 60))
    #expect(taken.map(\.id.text) == [one.id])
    #expect(taken.first?.number == 1)
    #expect(try store.claim(10, .email, at: now.adding(seconds: 59), leasedUntil: now).isEmpty)
    let again = try store.claim(
      10,
      .email,
      at: now.adding(seconds: 60),
      leasedUntil: now.adding(seconds: 120)
    )
    #expect(again.map(\.number) == [2])

    // A sender that returns after its lease changes nothing, unless it has sent the notification.
    try store.recordFailure(taken[0], reason: "late", next: now, counts: true)
    #expect(try read(one.id).nextAttemptAt.instant == now.adding(seconds: 120))
    try store.recordSent(taken[0], at: now)
    let sent = try read(one.id)
    #expect(sent.sent && !sent.hasNextAttemptAt && sent.sentAt.instant == now)
    try store.recordFailure(again[0], reason: "late", next: now, counts: true)
    #expect(try read(one.id) == sent)
  }

  @Test func `many takers share them out, each to one`() throws {
    for _ in 0..<60 { _ = try reminder(to: fixture.stranger()) }
    let url = try Postgres.url(
      .notification,
      database: fixture.notificationService.database.name()
    )
    let now = fixture.clock.now
    let taken = try onThreads(6) { _ in
      let database = Database(url: url)
      var mine: [ID] = []
      while true {
        let store = NotificationStore(database: database.by(.soon))
        let some = try store.claim(7, .email, at: now, leasedUntil: now.adding(seconds: 60))
        if some.isEmpty { return mine }
        mine += some.map(\.id)
      }
    }.flatMap { try $0.get() }
    #expect(taken.count == 60)
    #expect(Set(taken).count == 60)
  }

  @Test func `a discarded notification stays until it is retried by hand`() throws {
    let one = try reminder(to: fixture.stranger())
    let now = fixture.clock.now
    let taken = try store.claim(1, .email, at: now, leasedUntil: now.adding(seconds: 60))
    try store.recordFailure(taken[0], reason: "550 no such user", next: nil, counts: true)
    let dead = try read(one.id)
    #expect(!dead.hasNextAttemptAt && !dead.sent && dead.lastError == "550 no such user")
    let later = now.adding(seconds: 1_000_000)
    #expect(try store.claim(1, .email, at: later, leasedUntil: later).isEmpty)
    #expect(try store.retry(fixture.id(), at: later, maximumAgeSeconds: 60) == 0)
    #expect(try store.retry(nil, at: later, maximumAgeSeconds: 60) == 0)
    #expect(try store.retry(ID(stored: one.id), at: later, maximumAgeSeconds: 60) == 1)
    #expect(try store.claim(1, .email, at: later, leasedUntil: later).map(\.number) == [1])
  }

  @Test func `a released notification counts no attempt`() throws {
    _ = try reminder(to: fixture.stranger())
    let now = fixture.clock.now
    let taken = try store.claim(1, .email, at: now, leasedUntil: now.adding(seconds: 60))
    try store.release(taken, until: now.adding(seconds: 5))
    let again = try store.claim(
      1,
      .email,
      at: now.adding(seconds: 5),
      leasedUntil: now.adding(seconds: 60)
    )
    #expect(again.map(\.number) == [1])
  }
}

extension Database {
  /// The name of the database.
  func name() throws -> String {
    try read(Query("SELECT current_database()::text")) { try $0.text(0) }.first ?? ""
  }
}
