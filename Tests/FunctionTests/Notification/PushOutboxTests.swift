import API
import Endpoint
import JSON
import PostgreSQL
import Queue
import Runtime
import Serving
import Testing
import Validation
import Values
import WebPush

@testable import Notifications
@testable import Stores

/// Delivery results of push messages, by the answers of the push services.
struct PushOutboxTests {
  let fixture: Fixture
  let ada: Person
  let services: PushServices

  /// Push services that answer as a test wants.
  final class PushServices {
    /// The answers by endpoint; an endpoint that is not listed accepts everything.
    var answers: [String: DeliveryOutcome] = [:]
    /// The messages that arrived, whatever the answer.
    var messages: [PushChannel.Message] = []
    /// Called with each message before it is answered.
    var whileAsked: (PushChannel.Message) -> Void = { _ in }

    var endpoints: [String] { messages.map(\.subscription.endpoint) }

    func answer(_ message: PushChannel.Message) -> DeliveryOutcome {
      messages.append(message)
      whileAsked(message)
      return answers[message.subscription.endpoint] ?? .delivered
    }
  }

  init() throws {
    fixture = try Fixture(notifications: ScratchDatabase(migrations: "notification_db"))
    ada = try fixture.stranger()
    services = PushServices()
    fixture.pushServices = { [services] in services.answer($0) }
  }

  /// Adds a message to a user, as the functions that notify users do.
  func write(to person: Person, dueDate: Instant? = nil) throws -> String {
    let id = fixture.id().text
    try change(
      Query(
        """
        INSERT INTO notifications
          (id, type, user_id, recipient, subject, body, due_date, created_at, next_attempt_at)
        VALUES ($1, 'PUSH', $2, $2, 'Hello', 'How are you?', $3, $4, $4)
        """,
        .text(id),
        .text(person.id.text),
        .instant(dueDate),
        .instant(fixture.clock.now)
      )
    )
    return id
  }

  func change(_ query: Query) throws {
    _ = try fixture.notificationService.database.write(query)
  }

  /// Adds browsers of a user, each at a push service of its own, and returns their endpoints.
  func browsers(of person: Person, _ count: Int) throws -> [String] {
    try (0..<count).map { _ in
      fixture.clock.advance(seconds: 1)
      return try fixture.subscribe(person).endpoint
    }
  }

  @discardableResult
  func deliver() throws -> QueueReport {
    try fixture.pushOutbox.deliver(drains: true, isOver: { false }, sleep: { _ in })
  }

  func read(_ id: String) throws -> NotificationMessage {
    try fixture.notificationService.notifications(by: .soon).find(ID(stored: id), owner: nil)
  }

  func report(sent: Int = 0, postponed: Int = 0, dead: Int = 0) -> QueueReport {
    var report = QueueReport()
    (report.completed, report.postponed, report.discarded) = (sent, postponed, dead)
    return report
  }

  func origin(_ endpoint: String) -> String { String(endpoint.dropLast(2)) }

  @Test func `each of a user's browsers has it once, and nobody else's`() throws {
    let hers = try browsers(of: ada, 3)
    try fixture.subscribe(fixture.stranger())
    let id = try write(to: ada)
    #expect(try deliver() == report(sent: 1))
    #expect(services.endpoints == hers)
    #expect(try deliver() == report())
    let read = try read(id)
    #expect(read.sent && read.sentAt.instant == fixture.clock.now && !read.hasLastError)
    #expect(read.attempts == 1)
    let message = try #require(services.messages.first)
    #expect(message.topic == id.filter { $0 != "-" })
    #expect(message.topic.utf8.count == 32)
    #expect(message.urgency == .normal)
    #expect(message.ttlSeconds == 86_400)
    #expect(
      String(decoding: message.payload, as: UTF8.self)
        == #"{"id":"\#(id)","title":"Hello","body":"How are you?"}"#
    )
  }

  @Test func `who loses the connection serves no more browsers, and another one goes on there`()
    throws
  {
    let hers = try browsers(of: ada, 3)
    let ids = try [write(to: ada), write(to: ada)]
    let killer = try Postgres.database(.superuser)
    var left = 1
    services.whileAsked = { [fixture] message in
      guard message.subscription.endpoint == hers[1], left > 0 else { return }
      left -= 1
      try? killer.terminate(fixture.notificationService.database.backend())
    }
    // The second browser of the first message is the last that is asked.
    #expect(try deliver().failure?.contains("the connection was lost") == true)
    #expect(services.endpoints == Array(hers[..<2]))
    #expect(try deliver() == report(sent: 2))
    for id in ids { #expect(try read(id).sent) }
    let count = services.endpoints.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    // What that browser answered was recorded by the new connection.
    #expect(count == Dictionary(uniqueKeysWithValues: hers.map { ($0, 2) }))
  }

  @Test(arguments: [
    (7200, 7200, "Due in 2 hours."), (600, 3600, "Due in 10 minutes."),
    (-600, 3600, "This was due 10 minutes ago."), (8_640_000, 2_419_200, "Due in 100 days."),
  ])
  func `a reminder says how far away the due date is, and lives until then`(
    seconds: Int64,
    life: Int,
    sentence: String
  ) throws {
    _ = try browsers(of: ada, 1)
    let id = try write(to: ada, dueDate: fixture.clock.now.adding(seconds: seconds))
    try deliver()
    let message = try #require(services.messages.first)
    #expect(message.urgency == .high)
    #expect(message.ttlSeconds == life)
    #expect(
      String(decoding: message.payload, as: UTF8.self)
        == #"{"id":"\#(id)","title":"Hello","body":"\#(sentence)\n\nHow are you?"}"#
    )
  }

  @Test(arguments: [
    DeliveryOutcome.gone(reason: "HTTP 410"), .refused(reason: "HTTP 413: too long"),
  ])
  func `a browser that will never take it keeps it from no other`(outcome: DeliveryOutcome) throws {
    let hers = try browsers(of: ada, 2)
    services.answers[hers[0]] = outcome
    let id = try write(to: ada)
    #expect(try deliver() == report(sent: 1))
    #expect(services.endpoints == hers)
    let read = try read(id)
    #expect(read.sent)
    #expect(read.lastError.hasPrefix("\(origin(hers[0])): HTTP 41"))
    #expect(read.shown(to: ada.caller).hasLastError == false)
    let left = try fixture.subscriptions(of: ada).map(\.endpoint)
    #expect(left == (outcome == .gone(reason: "HTTP 410") ? [hers[1]] : hers.reversed()))
  }

  @Test func `whose push services are slow waits, so that others need not`() throws {
    let bob = try fixture.stranger()
    let slow = try browsers(of: ada, 1)
    _ = try browsers(of: bob, 1)
    let clock = fixture.clock
    services.whileAsked = {
      if slow.contains($0.subscription.endpoint) { clock.advance(seconds: 4) }
    }
    let hers = try (0..<5).map { _ in try write(to: ada) }
    let his = try write(to: bob)
    // All messages that were claimed together are sent; later ones wait.
    for id in hers.dropFirst() {
      try change(
        Query(
          "UPDATE notifications SET next_attempt_at = $2 WHERE id = $1",
          .text(id),
          .instant(clock.now.adding(seconds: 2))
        )
      )
    }
    #expect(try deliver() == report(sent: 2))
    #expect(try read(his).sent)
    let waiting = try hers.dropFirst().map { try read($0).nextAttemptAt.instant.seconds }
    #expect(waiting.allSatisfy { $0 == clock.now.seconds + 60 })
    services.whileAsked = { _ in }
    clock.advance(seconds: 61)
    #expect(try deliver() == report(sent: 4))
  }

  @Test func `a browser that becomes somebody else's while another is served does not get it`()
    throws
  {
    let bob = try fixture.stranger()
    let hers = try browsers(of: ada, 2)
    services.whileAsked = { [self] _ in
      try? change(
        Query(
          "UPDATE push_subscriptions SET user_id = $2 WHERE endpoint = $1",
          .text(hers[1]),
          .text(bob.id.text)
        )
      )
    }
    let id = try write(to: ada)
    #expect(try deliver() == report(sent: 1))
    #expect(services.endpoints == [hers[0]])
    #expect(try read(id).sent)
  }

  @Test func `when no browser will accept it, it is discarded until it is retried by hand`() throws
  {
    let hers = try browsers(of: ada, 2)
    services.answers[hers[0]] = .gone(reason: "HTTP 404")
    services.answers[hers[1]] = .refused(reason: "HTTP 403: another key")
    let id = try write(to: ada)
    #expect(try deliver() == report(dead: 1))
    let dead = try read(id)
    #expect(!dead.sent && !dead.hasNextAttemptAt)
    #expect(dead.lastError == "\(origin(hers[1])): HTTP 403: another key")

    services.answers = [:]
    #expect(try fixture.pushOutbox.retryDiscarded(ID(stored: id)) == 1)
    #expect(try deliver() == report(sent: 1))
    #expect(services.endpoints == hers + [hers[1]])
  }

  @Test func `without a browser it is discarded, with the reason`() throws {
    try fixture.subscribe(ada, expiresAt: fixture.clock.now.adding(seconds: 60))
    fixture.clock.advance(seconds: 60)
    let id = try write(to: ada)
    #expect(try deliver() == report(dead: 1))
    #expect(try read(id).lastError == "the user has no browser that takes messages")
    #expect(services.messages.isEmpty)
  }

  @Test func `who asks for time gets it, and the others are not told twice`() throws {
    let hers = try browsers(of: ada, 4)
    services.answers[hers[0]] = .postponed(reason: "HTTP 429", afterSeconds: 600)
    services.answers[hers[2]] = .postponed(reason: "HTTP 503", afterSeconds: 120)
    services.answers[hers[3]] = .postponed(reason: "HTTP 500", afterSeconds: nil)
    let id = try write(to: ada)
    #expect(try deliver() == report(postponed: 1))
    let waiting = try read(id)
    #expect(!waiting.sent)
    #expect(waiting.attempts == 1)
    #expect(waiting.nextAttemptAt.instant == fixture.clock.now.adding(seconds: 600))
    #expect(waiting.lastError == "\(origin(hers[3])): HTTP 500")

    services.answers = [hers[0]: .refused(reason: "HTTP 400")]
    services.messages = []
    fixture.clock.advance(seconds: 599)
    #expect(try deliver() == report())
    fixture.clock.advance(seconds: 1)
    #expect(try deliver() == report(sent: 1))
    #expect(services.endpoints == [hers[0], hers[2], hers[3]])
    #expect(try read(id).attempts == 2)
  }

  @Test func `one that some browser has and others never took is sent when its time is over`()
    throws
  {
    let hers = try browsers(of: ada, 2)
    services.answers[hers[1]] = .postponed(reason: "HTTP 500", afterSeconds: nil)
    let id = try write(to: ada)
    try deliver()
    fixture.clock.advance(seconds: 700_000)
    #expect(try deliver() == report(sent: 1))
    let read = try read(id)
    #expect(read.sent && read.lastError == "\(origin(hers[1])): HTTP 500")
    #expect(services.endpoints == [hers[0], hers[1], hers[1]])
  }

  @Test func `a push service that cannot be reached is left alone, and holds up nobody`() throws {
    let dead = fixture.pushService()
    let hers = ["\(dead)/1", "\(dead)/2", "\(fixture.pushService())/3"]
    for endpoint in hers {
      fixture.clock.advance(seconds: 1)
      try fixture.subscribe(ada, at: endpoint)
    }
    services.answers[hers[0]] = .unreachable(reason: "no route")
    let ids = try (0..<5).map { _ in try write(to: ada) }
    #expect(try deliver() == report(postponed: 5))
    // One attempt in total; the other push service accepts everything.
    #expect(services.endpoints.filter { $0.hasPrefix(dead) } == [hers[0]])
    #expect(services.endpoints.filter { $0 == hers[2] }.count == 5)
    let later = fixture.clock.now.adding(seconds: 30)
    for id in ids {
      let read = try read(id)
      #expect(!read.sent && read.attempts == 0)
      #expect(read.nextAttemptAt.instant == later)
      #expect(read.lastError.hasPrefix(dead))
    }

    // After the pause, one sender tries it again, and the next pause is twice as long.
    services.messages = []
    fixture.clock.advance(seconds: 30)
    #expect(try deliver() == report(postponed: 5))
    #expect(services.endpoints == [hers[0]])
    fixture.clock.advance(seconds: 30)
    try deliver()
    #expect(services.endpoints == [hers[0]])

    // Once it is back, everything is sent, and its row is gone.
    services.answers = [:]
    services.messages = []
    fixture.clock.advance(seconds: 60)
    #expect(try deliver() == report(sent: 5))
    #expect(services.endpoints.count == 10)
    #expect(try services(known: dead) == 0)
    #expect(try read(ids[4]).attempts == 1)
  }

  func services(known origin: String) throws -> Int64? {
    let query = Query("SELECT count(*) FROM push_services WHERE origin = $1", .text(origin))
    return try fixture.notificationService.database.read(query) { try $0.integer(0) }.first
  }

  @Test func `when many find out at once that a push service is unavailable, one counts`() throws {
    let pushes = fixture.notificationService.pushes(by: .soon)
    let now = fixture.clock.now
    let service = PushStore.Service(origin: "https://a.example", failures: 0, retryAt: nil)
    for _ in 0..<4 { _ = try pushes.recordUnreachable(service, at: now) }
    let known = PushStore.Service(
      origin: "https://a.example",
      failures: 1,
      retryAt: now.adding(seconds: 30)
    )
    #expect(try !pushes.mayAskAgain(known, at: now.adding(seconds: 29)))
    let then = now.adding(seconds: 30)
    #expect(try pushes.mayAskAgain(known, at: then))
    #expect(try !pushes.mayAskAgain(known, at: then))
    #expect(try pushes.recordUnreachable(known, at: then) == then.adding(seconds: 60))
    let much = PushStore.Service(origin: "https://a.example", failures: 2, retryAt: then)
    #expect(try pushes.recordUnreachable(much, at: then) == then.adding(seconds: 120))
    // Old rows of others are removed.
    let other = PushStore.Service(origin: "https://b.example", failures: 0, retryAt: nil)
    _ = try pushes.recordUnreachable(other, at: then.adding(seconds: 100_000))
    #expect(try services(known: "https://a.example") == 0)
  }

  @Test func `a browser that has subscribed anew meanwhile stays`() throws {
    let hers = try fixture.subscribe(ada)
    fixture.pushServices = { [fixture, ada] message in
      let request = RegisterPushSubscriptionRequest.with {
        $0.endpoint = message.subscription.endpoint
        $0.keys.p256Dh = Subscribing.p256dh
        $0.keys.auth = Subscribing.newAuth
      }
      _ = try? fixture.registerPushSubscription(request, as: ada.caller)
      return .gone(reason: "HTTP 410")
    }
    _ = try write(to: ada)
    try deliver()
    #expect(try fixture.subscriptions(of: ada).map(\.id) == [hers.id])
  }

  @Test func `mail and push messages do not wait for each other`() throws {
    // Nothing listens at the mail server's port; five failures open the circuit.
    let admin = try fixture.stranger(.admin)
    let mail = SendEmailRequest.with {
      $0.recipient = "ada@example.com"
      $0.subject = "Hello"
      $0.body = "x"
    }
    let sendEmail = try fixture.sendEmail
    for _ in 0..<6 { _ = try sendEmail(mail, as: admin.caller) }
    let hers = try browsers(of: ada, 1)
    _ = try write(to: ada)
    #expect(try deliver() == report(sent: 1))
    #expect(services.endpoints == hers)

    // A push service that is unavailable does not affect the mail server, which each attempt would count for.
    services.answers[hers[0]] = .unreachable(reason: "no route")
    let id = try write(to: ada)
    #expect(try deliver() == report(postponed: 1))
    fixture.clock.advance(seconds: 31)
    let error = try sendEmail(mail, as: admin.caller).lastError
    #expect(error != "the mail server does not answer at the moment")
    #expect(try read(id).type == .push)
  }
}
