import API
import Endpoint
import PostgreSQL
import Queue
import Runtime
import ServiceClient
import Serving
import Stores
import Testing
import Values
import Wire

@testable import Sagas

/// Sagas, with the functions that take part on databases of their own.
struct SagaTests {
  /// The connection between the services.
  final class Network {
    var calls: [String] = []
    /// Answers in place of the service, by method.
    var failures: [String: CallFailure] = [:]
  }

  let fixture: Fixture
  let network = Network()
  let admin: Person
  let service: Person

  init() throws {
    fixture = try Fixture(
      users: ScratchDatabase(migrations: "user_db"),
      tasks: ScratchDatabase(migrations: "task_db"),
      notifications: ScratchDatabase(migrations: "notification_db")
    )
    admin = try fixture.user(.admin)
    service = try fixture.stranger(.service)
    // Normally, the User service answers.
    let users = fixture.getUser
    let caller = service.caller
    fixture.directory = UserDirectory { user, _ in
      do {
        return .known(try users(.with { $0.id = user.text }, as: caller))
      } catch {
        return .unknown
      }
    }
  }

  // MARK: The relay

  func relay(_ resources: Resources, maximumAgeSeconds: Int = 604_800) -> EventRelay {
    let (fixture, network, caller) = (fixture, network, service.caller)
    let call: Parties.Call = { _, rpc, request, _ in
      let method = rpc.split(separator: "/").last.map(String.init) ?? ""
      network.calls.append(method)
      if let failure = network.failures[method] { throw failure }
      do {
        let answer: any Message
        switch request {
        case let request as SaveContactRequest:
          answer = try fixture.saveContact(request, as: caller)
        case let request as ForgetUserRequest:
          answer = try fixture.forgetUser(request, as: caller)
        case let request as NotifyUserRequest:
          answer = try fixture.notifyUser(request, as: caller)
        case let request as DeleteUserTasksRequest:
          answer = try fixture.deleteUserTasks(request, as: caller)
        default: throw CallFailure(.unimplemented, method)
        }
        return try answer.serializedBytes()
      } catch let problem as Problem {
        throw CallFailure(problem.code.rpcStatus, problem.message)
      }
    }
    return EventRelay(
      events: resources.events,
      maximumAgeSeconds: maximumAgeSeconds,
      clock: { fixture.clock.now },
      parties: {
        Parties(
          users: resources.users(by: .soon),
          tasks: resources.tasks(by: .soon),
          context: $0,
          send: call
        )
      }
    )
  }

  /// One run for each service that has events.
  @discardableResult
  func run(maximumAgeSeconds: Int = 604_800) -> QueueReport {
    var sum = QueueReport()
    for resources in [fixture.userService, fixture.taskService] {
      sum =
        sum
        + relay(resources, maximumAgeSeconds: maximumAgeSeconds)
        .run(drains: true, isOver: { false }, sleep: { _ in })
    }
    return sum
  }

  // MARK: Contents of the databases

  func texts(_ resources: Resources, _ sql: SQL, _ value: String) throws -> [String] {
    try resources.database.read(Query(sql, .text(value))) { try $0.text(0) }
  }

  func contact(_ user: ID) throws -> String? {
    try texts(
      fixture.notificationService,
      """
      SELECT concat_ws(' ', email, time_zone, email_notifications, push_notifications, forgotten_at IS NOT NULL)
      FROM contacts WHERE user_id = $1
      """,
      user.text
    ).first
  }

  /// The notifications of a user.
  func subjects(_ user: ID) throws -> [String] {
    try texts(
      fixture.notificationService,
      "SELECT subject FROM notifications WHERE user_id = $1 ORDER BY id",
      user.text
    )
  }

  func events(_ resources: Resources, of subject: String) throws -> [String] {
    try texts(
      resources,
      """
      SELECT concat_ws(' ', type, CASE WHEN relayed_at IS NOT NULL THEN 'relayed'
        WHEN next_attempt_at IS NULL THEN 'dead' ELSE 'waiting' END, attempts, last_error)
      FROM events WHERE subject = $1 ORDER BY number
      """,
      subject
    )
  }

  func task(for owner: ID, _ change: (inout CreateTaskRequest) -> Void = { _ in }) throws
    -> TaskMessage
  {
    var request = CreateTaskRequest()
    request.title = "Paint"
    request.userID = owner.text
    change(&request)
    return try fixture.createTask(request, as: admin.caller)
  }

  /// The User service does not answer for a while.
  func silently<T>(_ body: () throws -> T) rethrows -> T {
    let directory = fixture.directory
    defer { fixture.directory = directory }
    fixture.directory = UserDirectory { _, _ in .unavailable }
    return try body()
  }

  // MARK: Users

  @Test func `how to reach a user is known to the Notification service soon after`() throws {
    let ada = try fixture.user()
    run()
    #expect(try contact(ada.id) == "\(ada.email) UTC t t f")

    try fixture.updateUser(
      .with {
        $0.id = ada.id.text
        $0.email = "new-\(ada.email)"
        $0.timeZone = "Europe/Berlin"
        $0.pushNotifications = false
      },
      as: ada.caller
    )
    run()
    #expect(try contact(ada.id) == "new-\(ada.email) Europe/Berlin t f f")
  }

  @Test func `a change that concerns nobody else makes no event`() throws {
    let ada = try fixture.user()
    try fixture.updateUser(
      .with {
        $0.id = ada.id.text
        $0.fullName = "Ada"
      },
      as: ada.caller
    )
    #expect(try events(fixture.userService, of: ada.id.text) == ["USER_SAVED waiting 0"])
  }

  @Test func `data older than what is known changes nothing`() throws {
    let ada = try fixture.user()
    let old = try fixture.getUser(.with { $0.id = ada.id.text }, as: admin.caller)
    try fixture.updateUser(
      .with {
        $0.id = ada.id.text
        $0.email = "new-\(ada.email)"
      },
      as: ada.caller
    )
    run()
    try fixture.saveContact(SaveContactRequest(old), as: service.caller)
    #expect(try contact(ada.id)?.hasPrefix("new-") == true)
  }

  @Test func `a user who is deleted leaves no task, no browser, nothing to be sent, in one run`()
    throws
  {
    let ada = try fixture.user()
    let other = try fixture.user()
    for owner in [ada, other] {
      _ = try task(for: owner.id)
      _ = try task(for: owner.id)
      try fixture.notifyUser(
        .with {
          $0.userID = owner.id.text
          $0.key = "k/\(owner.id)"
          $0.subject = "Hello"
          $0.body = "World"
        },
        as: service.caller
      )
      _ = try texts(
        fixture.notificationService,
        """
        INSERT INTO push_subscriptions (id, user_id, endpoint, origin, p256dh, auth, created_at)
        VALUES ($1::varchar, $1::varchar, 'https://push.example.com/' || $1::varchar, 'https://push.example.com', 'p', 'a', now())
        RETURNING id
        """,
        owner.id.text
      )
    }
    run()
    try fixture.deleteUser(.with { $0.id = ada.id.text }, as: ada.caller)
    run()

    func left(_ user: ID) throws -> [Int] {
      [
        try texts(fixture.taskService, "SELECT id FROM tasks WHERE user_id = $1", user.text).count,
        try subjects(user).count,
        try texts(
          fixture.notificationService,
          "SELECT id FROM push_subscriptions WHERE user_id = $1",
          user.text
        ).count,
      ]
    }
    #expect(try left(ada.id) == [0, 0, 0])
    #expect(try contact(ada.id) == " UTC t t t")
    #expect(try left(other.id) == [2, 5, 1])
    #expect(
      try events(fixture.userService, of: ada.id.text) == [
        "USER_SAVED relayed 1", "USER_DELETED waiting 0 waiting for its next step",
      ]
    )
    // Late calls do not find the user.
    try fixture.saveContact(
      .with {
        $0.userID = ada.id.text
        $0.email = ada.email
        $0.timeZone = "UTC"
        $0.version = 99
      },
      as: service.caller
    )
    #expect(try contact(ada.id) == " UTC t t t")

    // Nor does a task of a request that passed the session check a moment before.
    for seconds: Int64 in [60, 86_340] {
      let late = try fixture.createTask(.with { $0.title = "Late" }, as: ada.caller)
      #expect(run() == QueueReport())
      fixture.clock.advance(seconds: seconds)
      #expect(run().failure == nil)
      #expect(try fixture.row(ofTask: late.id) == nil)
    }
    #expect(try events(fixture.userService, of: ada.id.text).last == "USER_DELETED relayed 1")
  }

  @Test func `one service that is down holds up nothing that the others do`() throws {
    network.failures["DeleteUserTasks"] = CallFailure(.unavailable, "nobody is there")
    for _ in 0..<60 {
      let user = try fixture.user()
      try fixture.deleteUser(.with { $0.id = user.id.text }, as: user.caller)
    }
    run()
    let ada = try fixture.user()
    fixture.clock.advance(seconds: 5)
    run()
    #expect(try contact(ada.id) != nil)
    #expect(network.calls.filter { $0 == "DeleteUserTasks" }.count < 15)
  }

  @Test func `what is told of one user stays in order, and holds up nobody else`() throws {
    let (ada, bob) = (try fixture.user(), try fixture.user())
    try fixture.deleteUser(.with { $0.id = ada.id.text }, as: ada.caller)
    let events = fixture.userService.events(by: .soon)
    let now = fixture.clock.now
    let held = now.adding(seconds: 60)
    // Everything that is there: of Ada only that she signed up.
    let first = try events.claim(100, at: now, leasedUntil: held)
    #expect(first.filter { $0.subject == ada.id }.map(\.kind) == [.userSaved])
    #expect(first.contains { $0.subject == bob.id })
    #expect(try events.claim(100, at: now, leasedUntil: held) == [])
    for event in first { try events.record(.relayed, of: event, stepsDone: 1, at: now) }
    #expect(try events.claim(100, at: now, leasedUntil: held).map(\.kind) == [.userDeleted])
  }

  @Test func `events that a killed relay had claimed are relayed by another one later`() throws {
    let ada = try fixture.user()
    let now = fixture.clock.now
    let taken = try fixture.userService.events(by: .soon).claim(
      100,
      at: now,
      leasedUntil: now.adding(seconds: 60)
    )
    #expect(taken.contains { $0.subject == ada.id })
    run()
    #expect(try contact(ada.id) == nil)
    fixture.clock.advance(seconds: 61)
    run()
    #expect(try contact(ada.id) != nil)
    // The discarded event is retried after all: nothing is undone.
    for event in taken {
      try fixture.userService.events(by: .soon).record(
        .discarded(reason: "late"),
        of: event,
        stepsDone: 0,
        at: fixture.clock.now
      )
    }
    #expect(try events(fixture.userService, of: ada.id.text) == ["USER_SAVED relayed 2"])
  }

  @Test func `events that a lost connection had claimed are relayed by another one at once`() throws
  {
    let ada = try fixture.user()
    let resources = fixture.userService
    let claimed = try resources.events(by: .soon)
      .claim(100, at: fixture.clock.now, leasedUntil: fixture.clock.now.adding(seconds: 60))
    #expect(claimed.contains { $0.subject == ada.id })
    run()
    #expect(try contact(ada.id) == nil)
    try Postgres.database(.superuser).terminate(resources.database.backend())
    run()
    #expect(try contact(ada.id) != nil)
  }

  @Test func `steps that are done are not done again`() throws {
    let ada = try fixture.user()
    run()
    try fixture.deleteUser(.with { $0.id = ada.id.text }, as: ada.caller)
    network.calls = []
    network.failures["ForgetUser"] = CallFailure(.internal, "a bug")
    run()
    network.failures = [:]
    fixture.clock.advance(seconds: 60)
    run()
    #expect(network.calls == ["DeleteUserTasks", "ForgetUser", "ForgetUser", "DeleteUserTasks"])
  }

  // MARK: Services that do not answer

  @Test func `a service that is down costs no attempt, and all is done once it is back`() throws {
    let ada = try fixture.user()
    network.failures["SaveContact"] = CallFailure(.unavailable, "nobody is there")
    for _ in 0..<5 {
      #expect(run().failure == "nobody is there")
      fixture.clock.advance(seconds: 5)
    }
    #expect(
      try events(fixture.userService, of: ada.id.text) == ["USER_SAVED waiting 0 nobody is there"]
    )
    network.failures = [:]
    fixture.clock.advance(seconds: 5)
    run()
    #expect(try contact(ada.id) != nil)
  }

  @Test func `a service that is down is not asked for each of many events`() throws {
    for _ in 0..<10 { _ = try fixture.user() }
    network.failures["SaveContact"] = CallFailure(.unavailable, "nobody is there")
    run()
    #expect(network.calls.count == 3)
  }

  @Test func `an event that a service refuses is discarded, is reported, and can be retried`()
    throws
  {
    let ada = try fixture.user()
    network.failures["SaveContact"] = CallFailure(
      .invalidArgument,
      "email is not an e-mail address"
    )
    #expect(run().discarded == 2)
    #expect(
      try events(fixture.userService, of: ada.id.text)
        == ["USER_SAVED dead 1 email is not an e-mail address"]
    )
    network.failures = [:]
    #expect(try relay(fixture.userService).retryDiscarded(nil) == 2)
    #expect(run().completed == 2)
  }

  @Test
  func `an event that fails again and again is retried later and later, and discarded in the end`()
    throws
  {
    let ada = try fixture.user()
    network.failures["SaveContact"] = CallFailure(.internal, "a bug")
    run()
    #expect(try events(fixture.userService, of: ada.id.text) == ["USER_SAVED waiting 1 a bug"])
    fixture.clock.advance(seconds: 10)
    #expect(run() == QueueReport())
    fixture.clock.advance(seconds: 200)
    run(maximumAgeSeconds: 100)
    #expect(try events(fixture.userService, of: ada.id.text) == ["USER_SAVED dead 2 a bug"])
  }

  // MARK: Tasks

  @Test func `a user to whom an admin gives a task is notified, once`() throws {
    let ada = try fixture.user()
    let task = try task(for: ada.id) { $0.title = "Paint\nthe wall" }
    run()
    run()
    #expect(try subjects(ada.id) == ["New task: Paint the wall"])
    try fixture.updateTask(
      .with {
        $0.id = task.id
        $0.userID = ada.id.text
      },
      as: admin.caller
    )
    run()
    #expect(try subjects(ada.id).count == 1)
  }

  @Test func `a user to whom an admin assigns a task is notified`() throws {
    let (ada, bob) = (try fixture.user(), try fixture.user())
    let task = try fixture.createTask(.with { $0.title = "Paint" }, as: ada.caller)
    try fixture.updateTask(
      .with {
        $0.id = task.id
        $0.userID = bob.id.text
      },
      as: admin.caller
    )
    run()
    #expect(try subjects(bob.id) == ["New task: Paint"])
    #expect(try subjects(ada.id) == [])
  }

  @Test func `one's own tasks are no news`() throws {
    let task = try fixture.createTask(.with { $0.title = "Paint" }, as: admin.caller)
    #expect(try events(fixture.taskService, of: task.id) == [])
  }

  @Test func `a task for a user who turns out not to exist is cancelled, and its creator notified`()
    throws
  {
    let nobody = fixture.id()
    let task = try silently { try self.task(for: nobody) { $0.title = "Paint" } }
    run()
    run()
    let now = try fixture.getTask(.with { $0.id = task.id }, as: admin.caller)
    #expect(now.status == .cancelled)
    #expect(now.version == 2)
    #expect(try subjects(admin.id) == ["Task cancelled: Paint"])
    #expect(
      try events(fixture.taskService, of: task.id) == [
        "TASK_ASSIGNED relayed 1", "ASSIGNMENT_FAILED relayed 1",
      ]
    )
  }

  @Test func `when the creator is deleted too, nobody is notified`() throws {
    let task = try silently {
      try fixture.createTask(
        .with {
          $0.title = "Paint"
          $0.userID = fixture.id().text
        },
        as: service.caller
      )
    }
    #expect(run().failure == nil)
    #expect(
      try events(fixture.taskService, of: task.id) == [
        "TASK_ASSIGNED relayed 1", "ASSIGNMENT_FAILED relayed 1",
      ]
    )
  }

  @Test func `a task that was handed to somebody else meanwhile is not cancelled`() throws {
    let ada = try fixture.user()
    let task = try silently { try self.task(for: fixture.id()) }
    try fixture.updateTask(
      .with {
        $0.id = task.id
        $0.userID = ada.id.text
      },
      as: admin.caller
    )
    run()
    #expect(try fixture.getTask(.with { $0.id = task.id }, as: admin.caller).status == .pending)
    #expect(try subjects(ada.id) == ["New task: Paint"])
    #expect(try subjects(admin.id) == [])
  }

  // MARK: Purge

  @Test func `events relayed long ago are removed, pending and discarded ones are not`() throws {
    let ada = try fixture.user()
    run()
    fixture.clock.advance(seconds: 3600)
    let bob = try fixture.user()
    let removed = try fixture.userService.events(by: .soon).purge(
      relayedBefore: fixture.clock.now.adding(seconds: -10),
      limit: 10
    )
    #expect(removed == 2)
    #expect(try events(fixture.userService, of: ada.id.text) == [])
    #expect(try events(fixture.userService, of: bob.id.text).count == 1)
  }
}
