import API
import Endpoint
import JSON
import Testing
import Values

struct UpdateTaskTests {
  let fixture: Fixture
  let ada: Person
  let task: TaskMessage

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
    task = try fixture.createTask(
      .with {
        $0.title = "Paint"
        $0.description_p = "the fence"
        $0.priority = .high
        $0.dueDate = Timestamp(Instant(seconds: 1_800_000_000))
      },
      as: ada.caller
    )
  }

  func send(
    _ method: String,
    _ json: String,
    as caller: Person? = nil,
    headers: [String: String] = [:]
  ) throws -> Answer {
    try fixture.updateTask.rest(
      method,
      "/api/v1/tasks/\(task.id)",
      json: json,
      token: (caller ?? ada).token,
      headers: headers
    )
  }

  /// A task in a status, whatever transitions lead there.
  func task(in status: TaskStatus) throws -> TaskMessage {
    try fixture.createTask(
      .with { ($0.title, $0.status) = ("In a status", status) },
      as: ada.caller
    )
  }

  @Test func `PATCH changes what is given and nothing else`() throws {
    fixture.clock.advance(seconds: 60)
    let answer = try send("PATCH", #"{"priority": "LOW"}"#)

    #expect(answer.status == 200)
    #expect(answer.headers["ETag"] == "\"2\"")
    var expected = task
    expected.priority = .low
    expected.updatedAt = Timestamp(fixture.clock.now)
    expected.version = 2
    #expect(try fixture.getTask(.with { $0.id = task.id }, as: ada.caller) == expected)
  }

  @Test func `PATCH with null clears, or sets the default`() throws {
    let answer = try send(
      "PATCH",
      #"{"description": null, "due_date": null, "priority": null, "status": null}"#
    )

    #expect(answer["description"] == .null)
    #expect(answer["due_date"] == .null)
    #expect(answer.text("priority") == "MEDIUM")
    #expect(answer.text("status") == "PENDING")
    #expect(answer.text("title") == "Paint")
  }

  @Test func `PUT gives every optional field that is missing its default, but keeps the owner`()
    throws
  {
    let answer = try send("PUT", #"{"title": "Paint it again"}"#)

    #expect(answer.status == 200)
    #expect(answer.text("title") == "Paint it again")
    #expect(answer["description"] == .null)
    #expect(answer["due_date"] == .null)
    #expect(answer.text("priority") == "MEDIUM")
    #expect(answer.text("user_id") == ada.id.text)
  }

  @Test(arguments: ["PUT", "PATCH"])
  func `a title cannot be cleared`(method: String) throws {
    let before = try fixture.row(ofTask: task.id)
    let answer = try send(method, #"{"title": null, "priority": "LOW"}"#)

    #expect(answer.code == .invalidArgument)
    #expect(answer.details == ["title": "is required"])
    #expect(try fixture.row(ofTask: task.id) == before)
  }

  @Test func `one answer names every invalid field and nothing changes`() throws {
    let before = try fixture.row(ofTask: task.id)
    let answer = try send(
      "PATCH",
      #"{"title": "", "status": 1, "priority": "TOP", "due_date": "soon", "user_id": "me", "id": "x"}"#
    )

    #expect(answer.code == .invalidArgument)
    #expect(
      Set(answer.details.keys) == ["title", "status", "priority", "due_date", "user_id", "id"]
    )
    #expect(try fixture.row(ofTask: task.id) == before)
  }

  @Test func `a message without a mask changes the fields that are set`() throws {
    let changed = try fixture.updateTask(
      .with { ($0.id, $0.title) = (task.id, "Without a mask") },
      as: ada.caller
    )

    #expect(changed.title == "Without a mask")
    #expect(changed.description_p == "the fence")
  }

  @Test func `a mask that names what cannot be changed is refused`() throws {
    let problem = fixture.updateTask.refusal(
      .with {
        $0.id = task.id
        $0.title = "New"
        $0.updateMask.names = ["version"]
      },
      as: ada.caller
    )

    #expect(problem?.details.keys.sorted() == ["update_mask"])
  }

  // MARK: Callers

  @Test func `to others it is not there`() throws {
    let before = try fixture.row(ofTask: task.id)
    let answer = try send("PATCH", #"{"title": "Mine"}"#, as: fixture.stranger())

    #expect(answer.status == 404)
    #expect(answer.code == .taskNotFound)
    #expect(try fixture.row(ofTask: task.id) == before)
  }

  @Test func `to others its version and status tell nothing`() throws {
    let bob = try fixture.stranger()

    #expect(
      try send("PATCH", "{}", as: bob, headers: ["HTTP_IF_MATCH": "\"9\""]).code == .taskNotFound
    )
    let done = try task(in: .completed)
    let problem = fixture.updateTask.refusal(
      .with { ($0.id, $0.status) = (done.id, .cancelled) },
      as: bob.caller
    )
    #expect(problem == .taskNotFound)
  }

  @Test func `an admin changes every task`() throws {
    let answer = try send("PATCH", #"{"title": "By admin"}"#, as: fixture.stranger(.admin))

    #expect(answer.text("title") == "By admin")
    #expect(answer.text("user_id") == ada.id.text)
  }

  @Test func `a service changes none`() throws {
    let before = try fixture.row(ofTask: task.id)
    let answer = try send("PATCH", #"{"title": "By robot"}"#, as: fixture.stranger(.service))

    #expect(answer.status == 403)
    #expect(answer.code == .permissionDenied)
    #expect(try fixture.row(ofTask: task.id) == before)
  }

  @Test func `nobody but an admin hands a task to another`() throws {
    let bob = try fixture.stranger()
    let before = try fixture.row(ofTask: task.id)

    #expect(try send("PATCH", #"{"user_id": "\#(bob.id)"}"#).code == .permissionDenied)
    #expect(try fixture.row(ofTask: task.id) == before)
    #expect(try send("PATCH", #"{"user_id": "\#(ada.id)"}"#).status == 200)
    let answer = try send("PATCH", #"{"user_id": "\#(bob.id)"}"#, as: fixture.stranger(.admin))
    #expect(answer.text("user_id") == bob.id.text)
    #expect(
      fixture.getTask.refusal(.with { $0.id = task.id }, as: ada.caller) == .taskNotFound
    )
  }

  @Test func `a task that is not there is not found`() throws {
    for id in [fixture.id().text, "x"] {
      #expect(
        fixture.updateTask.refusal(.with { ($0.id, $0.title) = (id, "x") }, as: ada.caller)
          == .taskNotFound
      )
    }
  }

  // MARK: Status

  /// The transitions in the contract.
  static let moves: [TaskStatus: Set<TaskStatus>] = [
    .pending: [.pending, .inProgress, .completed, .cancelled],
    .inProgress: [.inProgress, .pending, .completed, .cancelled],
    .completed: [.completed, .pending, .inProgress],
    .cancelled: [.cancelled, .pending, .inProgress],
  ]

  @Test(
    arguments: moves.keys.sorted { $0.rawValue < $1.rawValue },
    moves.keys.sorted { $0.rawValue < $1.rawValue }
  )
  func `a status changes as the contract says`(from: TaskStatus, to: TaskStatus) throws {
    let task = try task(in: from)
    let before = try fixture.row(ofTask: task.id)
    let answer = try fixture.updateTask.rest(
      "PATCH",
      "/api/v1/tasks/\(task.id)",
      json: #"{"status": "\#(to.name)", "title": "Moved"}"#,
      token: ada.token
    )

    let allowed = try #require(Self.moves[from])
    if allowed.contains(to) {
      #expect(answer.text("status") == to.name)
    } else {
      #expect(answer.status == 409)
      #expect(answer.code == .invalidTransition)
      #expect(
        Set(answer.details["allowed"]?.split(separator: ", ").map(String.init) ?? [])
          == Set(allowed.map(\.name))
      )
      #expect(try fixture.row(ofTask: task.id) == before)
    }
  }

  @Test func `PUT without a status is a move to the default`() throws {
    for status in [TaskStatus.inProgress, .completed, .cancelled] {
      let task = try task(in: status)
      let answer = try fixture.updateTask.rest(
        "PUT",
        "/api/v1/tasks/\(task.id)",
        json: #"{"title": "Done"}"#,
        token: ada.token
      )
      #expect(answer.text("status") == "PENDING")
    }
  }

  // MARK: Versions

  @Test func `a change of an older version is refused, before its status is looked at`() throws {
    _ = try send("PATCH", #"{"status": "COMPLETED"}"#, headers: ["HTTP_IF_MATCH": "\"1\""])
    let before = try fixture.row(ofTask: task.id)

    let answer = try send(
      "PATCH",
      #"{"status": "CANCELLED"}"#,
      headers: ["HTTP_IF_MATCH": "\"1\""]
    )
    #expect(answer.status == 412)
    #expect(answer.code == .versionMismatch)
    #expect(try fixture.row(ofTask: task.id) == before)
  }

  @Test func `a star names any version, and anything but a version in quotes is refused`() throws {
    #expect(try send("PATCH", "{}", headers: ["HTTP_IF_MATCH": "*"]).status == 200)
    for tag in ["1", "\"one\"", "\"1\", \"2\"", "\"\""] {
      let answer = try send("PATCH", "{}", headers: ["HTTP_IF_MATCH": tag])
      #expect(answer.code == .invalidArgument, "\(tag)")
      #expect(answer.details.keys.sorted() == ["If-Match"])
    }
    #expect(try fixture.getTask(.with { $0.id = task.id }, as: ada.caller).version == 2)
  }

  @Test func `of two changes of one version one happens, each time`() throws {
    let (keys, ada, id) = (fixture.keys, ada, task.id)
    for round in 1...10 as ClosedRange<Int64> {
      let outcomes = onThreads(2) { number in
        try Fixture(keys: keys).updateTask.refusal(
          .with { ($0.id, $0.title, $0.expectedVersion) = (id, "\(number)", round) },
          as: ada.caller
        )?.code
      }.map { try? $0.get() }

      #expect(outcomes.count { $0 == .some(nil) } == 1)
      #expect(outcomes.count { $0 == .versionMismatch } == 1)
    }
    #expect(try fixture.getTask(.with { $0.id = id }, as: ada.caller).version == 11)
  }

  @Test func `changes at once without a version all happen`() throws {
    let (keys, ada, id) = (fixture.keys, ada, task.id)
    let outcomes = onThreads(12) { number in
      try Fixture(keys: keys).updateTask.refusal(
        .with { ($0.id, $0.status) = (id, number.isMultiple(of: 2) ? .inProgress : .pending) },
        as: ada.caller
      )?.code
    }.map { try? $0.get() }

    #expect(outcomes.allSatisfy { $0 == .some(nil) })
    #expect(try fixture.getTask(.with { $0.id = id }, as: ada.caller).version == 13)
  }
}
