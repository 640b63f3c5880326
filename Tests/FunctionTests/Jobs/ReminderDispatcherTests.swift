import API
import Endpoint
import Jobs
import PostgreSQL
import Runtime
import ServiceClient
import Serving
import Stores
import Testing
import Validation
import Values

struct ReminderDispatcherTests {
  /// The requests that the Notification service has received.
  final class Receiver {
    var requests: [SendTaskReminderRequest] = []
    var failure: CallFailure?
  }

  static let hour: Int64 = 3600

  let fixture: Fixture
  let receiver = Receiver()
  let ada: Person

  init() throws {
    fixture = try Fixture(tasks: ScratchDatabase(migrations: "task_db"))
    ada = try fixture.stranger()
  }

  var now: Instant { fixture.clock.now }

  @discardableResult
  func task(dueIn seconds: Int64, _ change: (inout CreateTaskRequest) -> Void = { _ in }) throws
    -> TaskMessage
  {
    var request = CreateTaskRequest()
    request.title = "Paint"
    request.dueDate = Timestamp(now.adding(seconds: seconds))
    change(&request)
    return try fixture.createTask(request, as: ada.caller)
  }

  func dispatcher(maximumAgeSeconds: Int = 21_600) -> ReminderDispatcher {
    let (receiver, clock) = (receiver, fixture.clock)
    return ReminderDispatcher(
      reminders: fixture.taskService.reminders,
      leads: .usual,
      maximumAgeSeconds: maximumAgeSeconds,
      holdSeconds: 60,
      clock: { clock.now },
      send: { request, _ in
        if let failure = receiver.failure { throw failure }
        receiver.requests.append(request)
      }
    )
  }

  @discardableResult
  func run(maximumAgeSeconds: Int = 21_600) throws -> ReminderDispatcher.Report {
    try dispatcher(maximumAgeSeconds: maximumAgeSeconds).run(isOver: { false })
  }

  /// Records what has come due, and hands nothing over.
  func recordOnly() throws {
    let reminders = fixture.taskService.reminders(by: .soon)
    _ = try reminders.record(.usual, at: now, maximumAgeSeconds: 21_600, limit: 100)
  }

  /// The ledger of a task: lead minutes, state and reason.
  func ledger(_ task: TaskMessage) throws -> [String] {
    try fixture.taskService.database.read(
      Query(
        """
        SELECT lead_minutes || ' ' || state || coalesce(': ' || reason, '') FROM reminders
        WHERE task_id = $1 ORDER BY due_date, lead_minutes DESC
        """,
        .text(task.id)
      )
    ) { try $0.text(0) }
  }

  @Test func `a day and an hour before the due date the owner is reminded, once each`() throws {
    let task = try task(dueIn: 30 * Self.hour)
    #expect(try run() == .init())
    fixture.clock.advance(seconds: 6 * Self.hour - 1)
    #expect(try run() == .init())
    fixture.clock.advance(seconds: 1)
    #expect(try run().handedOver == 1)
    #expect(try run() == .init())
    fixture.clock.advance(seconds: 23 * Self.hour)
    #expect(try run().handedOver == 1)
    fixture.clock.advance(seconds: 10 * Self.hour)
    #expect(try run() == .init())

    #expect(receiver.requests.map(\.leadMinutes) == [1440, 60])
    let request = try #require(receiver.requests.last)
    #expect(request.taskID == task.id && request.userID == ada.id.text)
    #expect(request.title == "Paint" && request.priority == .medium)
    #expect(request.dueDate == task.dueDate)
    #expect(try ledger(task) == ["1440 HANDED_OVER", "60 HANDED_OVER"])
  }

  @Test func `a task that is due soon is reminded of at once, by its latest reminder only`() throws
  {
    let task = try task(dueIn: 1200)
    let report = try run()
    #expect(report.handedOver == 1 && report.skipped == 1)
    #expect(receiver.requests.map(\.leadMinutes) == [60])
    #expect(
      try ledger(task) == [
        "1440 SKIPPED: a later reminder of the task was due as well", "60 HANDED_OVER",
      ]
    )
  }

  @Test func `after three hours without a run each task gets its latest reminder, and no burst`()
    throws
  {
    let passed = try task(dueIn: Self.hour + 60)
    try run()
    receiver.requests = []
    let both = try task(dueIn: 25 * Self.hour)
    let soon = try task(dueIn: 3 * Self.hour)
    receiver.requests = []
    fixture.clock.advance(seconds: 3 * Self.hour)
    try run()
    #expect(Set(receiver.requests.map(\.taskID)) == [passed.id, both.id, soon.id])
    #expect(receiver.requests.count == 3)
  }

  @Test func `what is later than the set age is passed over, with the reason`() throws {
    let task = try task(dueIn: 2 * Self.hour)
    fixture.clock.advance(seconds: 8 * Self.hour)
    #expect(try run().skipped == 2)
    #expect(receiver.requests.isEmpty)
    #expect(
      try ledger(task) == [
        "1440 SKIPPED: a later reminder of the task was due as well", "60 SKIPPED: too late",
      ]
    )
  }

  @Test func `another due date makes new reminders and drops those that have not gone out`() throws
  {
    let task = try task(dueIn: 1200)
    receiver.failure = CallFailure(.unavailable, "down")
    let report = try run()
    #expect(report.postponed == 1 && report.failure != nil)
    let later = Timestamp(now.adding(seconds: 2400))
    _ = try fixture.updateTask(
      .with {
        $0.id = task.id
        $0.dueDate = later
      },
      as: ada.caller
    )
    receiver.failure = nil
    fixture.clock.advance(seconds: 31)
    try run()
    #expect(receiver.requests.map(\.dueDate) == [later])
    #expect(try ledger(task).contains("60 SKIPPED: the due date was changed"))

    // Back to the first date, for which nobody has been reminded; and back to the second, for which somebody has.
    _ = try fixture.updateTask(
      .with {
        $0.id = task.id
        $0.dueDate = task.dueDate
      },
      as: ada.caller
    )
    try run()
    #expect(receiver.requests.map(\.dueDate) == [later, task.dueDate])
    _ = try fixture.updateTask(
      .with {
        $0.id = task.id
        $0.dueDate = later
      },
      as: ada.caller
    )
    #expect(try run().handedOver == 0)
  }

  @Test func `a task's own reminders go out in the place of everybody's`() throws {
    let task = try task(dueIn: 3 * Self.hour) { $0.reminders.minutes = [10, 120, 10] }
    #expect(task.reminders.minutes == [120, 10])
    #expect(try run() == .init())
    fixture.clock.advance(seconds: Self.hour)
    try run()
    fixture.clock.advance(seconds: Self.hour)
    #expect(try run() == .init())
    fixture.clock.advance(seconds: 50 * 60)
    try run()
    #expect(try ledger(task) == ["120 HANDED_OVER", "10 HANDED_OVER"])
  }

  @Test func `of a task with an empty list of reminders nobody is reminded`() throws {
    let task = try task(dueIn: 600) { $0.reminders = TaskReminders() }
    #expect(try run() == .init())
    fixture.clock.advance(seconds: 700)
    #expect(try run() == .init())
    #expect(try ledger(task) == [])
  }

  @Test
  func `other reminders of a task drop those that have not gone out, and null is everybody's`()
    throws
  {
    let task = try task(dueIn: 20 * Self.hour)
    receiver.failure = CallFailure(.unavailable, "nobody is there")
    #expect(try run().postponed == 1)
    receiver.failure = nil
    func change(_ reminders: TaskReminders?) throws -> TaskMessage {
      try fixture.updateTask(
        .with {
          $0.id = task.id
          $0.updateMask.names = ["reminders"]
          if let reminders { $0.reminders = reminders }
        },
        as: ada.caller
      )
    }
    #expect(try change(.with { $0.minutes = [30] }).reminders.minutes == [30])
    fixture.clock.advance(seconds: 31)
    #expect(try run().skipped == 1)
    #expect(receiver.requests.isEmpty)
    #expect(try ledger(task) == ["1440 SKIPPED: the reminders were changed"])

    #expect(try !change(nil).hasReminders)
    // By then, the reminder of the day before is the latest one.
    #expect(try run().handedOver == 1)
    fixture.clock.advance(seconds: 19 * Self.hour)
    #expect(try run().handedOver == 1)
    #expect(receiver.requests.map(\.leadMinutes) == [1440, 60])
  }

  @Test func `of what was put back to be done in time somebody is reminded after all`() throws {
    let task = try task(dueIn: 1200)
    receiver.failure = CallFailure(.unavailable, "down")
    try run()
    receiver.failure = nil
    for status in [TaskStatus.completed, .inProgress] {
      _ = try fixture.updateTask(
        .with {
          $0.id = task.id
          $0.status = status
        },
        as: ada.caller
      )
      fixture.clock.advance(seconds: 31)
      try run()
    }
    #expect(receiver.requests.map(\.taskID) == [task.id])
  }

  @Test func `a user without contact data keeps nobody else back`() throws {
    let tasks = try (0..<20).map { _ in try task(dueIn: 1200) }
    receiver.failure = CallFailure(.failedPrecondition, "not known yet")
    let report = try run()
    #expect(report.postponed == 20 && report.failure != nil)
    receiver.failure = nil
    fixture.clock.advance(seconds: 31)
    #expect(try run().handedOver == tasks.count)
  }

  @Test func `beyond the gateway's rate limit it waits a moment`() throws {
    try task(dueIn: 1200)
    let (receiver, clock) = (receiver, fixture.clock)
    receiver.failure = CallFailure(.resourceExhausted, "too fast")
    var pauses = 0
    let report = try ReminderDispatcher(
      reminders: fixture.taskService.reminders,
      leads: .usual,
      maximumAgeSeconds: 21_600,
      holdSeconds: 60,
      clock: { clock.now },
      pause: { _ in
        pauses += 1
        if pauses == 3 { receiver.failure = nil }
      }
    ) { _, _ in if let failure = receiver.failure { throw failure } }
    .run(isOver: { false })
    #expect(report.handedOver == 1 && report.failure == nil && pauses == 3)
  }

  @Test(arguments: [TaskStatus.completed, .cancelled])
  func `nobody is reminded of a task that is done`(status: TaskStatus) throws {
    let task = try task(dueIn: 2 * Self.hour)
    func become(_ status: TaskStatus) throws {
      _ = try fixture.updateTask(
        .with {
          $0.id = task.id
          $0.status = status
        },
        as: ada.caller
      )
    }
    try become(status)
    fixture.clock.advance(seconds: Self.hour + 60)
    #expect(try run() == .init())
    // Once it is open again, somebody is.
    try become(status == .completed ? .inProgress : .pending)
    #expect(try run().handedOver == 1)
  }

  /// An edit of a task that was due ten minutes after its creation, with a reminder at that time.
  struct Edit: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let change: @Sendable (inout UpdateTaskRequest, TaskMessage) -> Void

    init(
      _ name: String,
      _ change: @escaping @Sendable (inout UpdateTaskRequest, TaskMessage) -> Void
    ) {
      testDescription = name
      self.change = change
    }
  }

  func edit(_ task: TaskMessage, as caller: Caller? = nil, _ edit: Edit) throws {
    let request = UpdateTaskRequest.with {
      $0.id = task.id
      edit.change(&$0, task)
    }
    _ = try fixture.updateTask(request, as: caller ?? ada.caller)
  }

  static let harmless: [Edit] = [
    Edit("begun") { request, _ in request.status = .inProgress },
    Edit("the same status") { request, task in request.status = task.status },
    Edit("the same due date") { request, task in request.dueDate = task.dueDate },
    Edit("the same reminders") { request, task in request.reminders = task.reminders },
    Edit("one reminder more") { request, _ in request.reminders.minutes = [30, 0] },
    Edit("everything replaced") { request, task in
      request.updateMask.names = UpdateTaskRequest.replaceableFields
      (request.title, request.description_p) = ("Repaint", "white")
      (request.status, request.priority) = (.inProgress, .urgent)
      (request.dueDate, request.reminders) = (task.dueDate, task.reminders)
    },
  ]

  @Test(arguments: harmless)
  func `an edit after the due date leaves what is owed, and a second one adds nothing`(edit: Edit)
    throws
  {
    let task = try task(dueIn: 600) { $0.reminders.minutes = [0] }
    fixture.clock.advance(seconds: 603)
    try self.edit(task, edit)
    try self.edit(task, edit)
    fixture.clock.advance(seconds: 60)
    #expect(try run().handedOver == 1)
    #expect(receiver.requests.map(\.taskID) == [task.id])
    try self.edit(task, edit)
    #expect(try run() == .init())
  }

  @Test func `a task that is handed over after its due date is its new owner's to be reminded of`()
    throws
  {
    let task = try task(dueIn: 600) { $0.reminders.minutes = [0] }
    let (bob, admin) = (try fixture.stranger(), try fixture.stranger(.admin))
    fixture.clock.advance(seconds: 603)
    try edit(
      task,
      as: admin.caller,
      Edit("handed over") { request, task in
        (request.userID, request.dueDate) = (bob.id.text, task.dueDate)
      }
    )
    try run()
    #expect(receiver.requests.map(\.userID) == [bob.id.text])
  }

  static let final: [[Edit]] = [
    [Edit("completed") { request, _ in request.status = .completed }],
    [Edit("cancelled") { request, _ in request.status = .cancelled }],
    [
      Edit("completed") { request, _ in request.status = .completed },
      Edit("and open again") { request, _ in request.status = .inProgress },
    ],
    [Edit("no reminders") { request, _ in request.reminders = TaskReminders() }],
    [Edit("everybody's") { request, _ in request.updateMask.names = ["reminders"] }],
    [Edit("others, too late as well") { request, _ in request.reminders.minutes = [10, 5] }],
    [
      Edit("no reminders") { request, _ in request.reminders = TaskReminders() },
      Edit("and those of before") { request, task in request.reminders = task.reminders },
    ],
    [Edit("no due date") { request, _ in request.updateMask.names = ["due_date"] }],
    [
      Edit("due before") { request, task in
        request.dueDate = Timestamp(task.dueDate.instant.adding(seconds: -1))
      }
    ],
    [
      Edit("due later") { request, task in
        request.dueDate = Timestamp(task.dueDate.instant.adding(seconds: 3600))
      }
    ],
  ]

  @Test(arguments: final)
  func `what ends a reminder that is owed ends it for good`(edits: [Edit]) throws {
    let task = try task(dueIn: 600) { $0.reminders.minutes = [0] }
    fixture.clock.advance(seconds: 603)
    for edit in edits { try self.edit(task, edit) }
    #expect(try run().handedOver == 0)
  }

  @Test func `of several that are owed after the due date, those that are not removed stay`() throws
  {
    let task = try task(dueIn: 2 * Self.hour) { $0.reminders.minutes = [60, 0] }
    fixture.clock.advance(seconds: 2 * Self.hour + 3)
    try edit(task, Edit("one removed") { request, _ in request.reminders.minutes = [60] })
    #expect(try run().handedOver == 1)
    #expect(receiver.requests.map(\.leadMinutes) == [60])
  }

  @Test func `nobody is reminded of a task that was due before its creation, or has no due date`()
    throws
  {
    try task(dueIn: -60)
    try task(dueIn: 0)
    try task(dueIn: 600) { $0.clearDueDate() }
    try task(dueIn: 600) { $0.status = .completed }
    #expect(try run() == .init())
  }

  @Test func `while the Notification service is down all wait, and go out when it is back`() throws
  {
    let tasks = try (0..<60).map { _ in try task(dueIn: 1200) }
    receiver.failure = CallFailure(.unavailable, "down")
    let report = try run()
    #expect(report.handedOver == 0)
    #expect(report.postponed == 50)
    receiver.failure = nil
    fixture.clock.advance(seconds: 61)
    try run()
    #expect(Set(receiver.requests.map(\.taskID)) == Set(tasks.map(\.id)))
    #expect(receiver.requests.count == 60)
  }

  @Test func `a reminder for a user who does not exist is skipped`() throws {
    let task = try task(dueIn: 1200)
    receiver.failure = CallFailure(.notFound, "there is no such user")
    #expect(try run().failure == nil)
    #expect(try ledger(task).last?.hasPrefix("60 SKIPPED") == true)
  }

  @Test func `a task that is deleted takes its reminders along`() throws {
    let task = try task(dueIn: 1200)
    receiver.failure = CallFailure(.unavailable, "down")
    try run()
    _ = try fixture.deleteTask(.with { $0.id = task.id }, as: ada.caller)
    receiver.failure = nil
    fixture.clock.advance(seconds: 31)
    #expect(try run() == .init())
  }

  @Test func `a look ahead changes nothing`() throws {
    let task = try task(dueIn: 1200)
    let found = try fixture.taskService.reminders(by: .soon).preview(
      .usual,
      at: now,
      maximumAgeSeconds: 21_600,
      limit: 10
    )
    #expect(found.map(\.request.taskID) == [task.id])
    #expect(try ledger(task) == [])
    #expect(try run().handedOver == 1)
  }

  @Test func `who loses the connection hands over no more, and the next run does, once each`()
    throws
  {
    let tasks = try (0..<60).map { _ in try task(dueIn: 1200) }
    let (clock, killer) = (fixture.clock, try Postgres.database(.superuser))
    let url = try Postgres.url(.task, database: fixture.taskService.database.name())
    let database = Database(url: url)
    let first = Receiver()
    let report = try ReminderDispatcher(
      reminders: Timed { ReminderStore(database: database.by($0)) },
      leads: .usual,
      maximumAgeSeconds: 21_600,
      holdSeconds: 300,
      clock: { clock.now }
    ) { request, _ in
      first.requests.append(request)
      if first.requests.count == 10 { try killer.terminate(database.backend()) }
    }
    .run(isOver: { false })
    #expect(report.failure?.contains("the connection was lost") == true)
    #expect(first.requests.count == 10 && report.handedOver == 10)

    // The ten are not recorded, and go to whoever knows them already.
    #expect(try run().handedOver == 60)
    #expect(Set(receiver.requests.map(\.taskID)) == Set(tasks.map(\.id)))
    #expect(try run() == .init())
  }

  @Test func `an outcome that comes after the lease changes nothing, unless it is handed over`()
    throws
  {
    try task(dueIn: 1200)
    let reminders = fixture.taskService.reminders(by: .soon)
    func claim() throws -> ReminderStore.Handover {
      let end = now.adding(seconds: 60)
      return try #require(
        try reminders.claim(1, .usual, at: now, leasedUntil: end, maximumAgeSeconds: 21_600).first
      )
    }
    try recordOnly()
    let first = try claim()
    fixture.clock.advance(seconds: 60)
    let second = try claim()
    try reminders.record([(first, .postponed(reason: "late", until: now))], at: now)
    try reminders.record([(first, .skipped(reason: "late"))], at: now)
    #expect(try run() == .init())
    try reminders.record([(first, .handedOver)], at: now)
    try reminders.record([(second, .postponed(reason: "late", until: now))], at: now)
    #expect(try run() == .init())
  }

  @Test func `four at once hand each reminder over once`() throws {
    for _ in 0..<300 { try task(dueIn: 1200) }
    let url = try Postgres.url(.task, database: fixture.taskService.database.name())
    let now = now
    let handedOver = try onThreads(4) { _ in
      let database = Database(url: url)
      let receiver = Receiver()
      _ = try ReminderDispatcher(
        reminders: Timed { ReminderStore(database: database.by($0)) },
        leads: .usual,
        maximumAgeSeconds: 21_600,
        holdSeconds: 60,
        clock: { now }
      ) { request, _ in receiver.requests.append(request) }
      .run(isOver: { false })
      return receiver.requests.map(\.taskID)
    }.flatMap { try $0.get() }
    #expect(handedOver.count == 300)
    #expect(Set(handedOver).count == 300)
  }
}
