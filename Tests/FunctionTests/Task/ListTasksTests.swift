import API
import Endpoint
import JSON
import Testing
import Values

struct ListTasksTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
  }

  /// Adds a task a second after the previous one and returns its id.
  @discardableResult
  func add(_ title: String, _ change: (inout CreateTaskRequest) -> Void = { _ in }) throws -> String
  {
    fixture.clock.advance(seconds: 1)
    return try fixture.createTask(
      .with {
        $0.title = title
        change(&$0)
      },
      as: ada.caller
    ).id
  }

  func titles(_ change: (inout ListTasksRequest) -> Void = { _ in }) throws -> [String] {
    try fixture.listTasks(.with(change), as: ada.caller).tasks.map(\.title)
  }

  func get(_ query: String, as caller: Person? = nil) throws -> Answer {
    try fixture.listTasks.rest("GET", "/api/v1/tasks?\(query)", token: (caller ?? ada).token)
  }

  @Test func `one's own tasks, the newest first`() throws {
    for title in ["a", "b", "c"] { try add(title) }
    let bob = try fixture.stranger()
    try fixture.createTask(.with { $0.title = "Bob's" }, as: bob.caller)

    #expect(try titles() == ["c", "b", "a"])
  }

  @Test func `nothing is an empty list without a next page`() throws {
    let answer = try get("")

    #expect(answer.status == 200)
    #expect(answer.body == #"{"tasks":[],"next_page_token":""}"#)
    #expect(answer.headers["Link"] == nil)
  }

  @Test(arguments: [Role.admin, .service])
  func `admins and services see everybody's, or one user's`(role: Role) throws {
    let scratch = try Fixture(tasks: ScratchDatabase(migrations: "task_db"))
    let people = try (0..<3).map { _ in try scratch.stranger() }
    for person in people { try scratch.createTask(.with { $0.title = "x" }, as: person.caller) }
    let caller = try scratch.stranger(role).caller

    let all = try scratch.listTasks(ListTasksRequest(), as: caller)
    #expect(Set(all.tasks.map(\.userID)) == Set(people.map(\.id.text)))
    let one = try scratch.listTasks(
      .with { $0.userID = people[1].id.text.uppercased() },
      as: caller
    )
    #expect(one.tasks.map(\.userID) == [people[1].id.text])
  }

  @Test func `a user may name themselves and nobody else`() throws {
    try add("Mine")

    #expect(try titles { $0.userID = ada.id.text } == ["Mine"])
    let answer = try get("user_id=\(fixture.id())")
    #expect(answer.status == 403)
    #expect(answer.code == .permissionDenied)
  }

  // MARK: Filters

  @Test func `any of several statuses and priorities`() throws {
    try add("a") { ($0.status, $0.priority) = (.pending, .low) }
    try add("b") { ($0.status, $0.priority) = (.inProgress, .high) }
    try add("c") { ($0.status, $0.priority) = (.completed, .urgent) }
    try add("d") { ($0.status, $0.priority) = (.pending, .high) }

    #expect(try titles { $0.status = [.pending] } == ["d", "a"])
    #expect(try titles { $0.status = [.completed, .inProgress] } == ["c", "b"])
    #expect(try titles { $0.priority = [.high, .low] } == ["d", "b", "a"])
    #expect(
      try titles {
        $0.status = [.pending]
        $0.priority = [.high]
      } == ["d"]
    )
    let answer = try get("status=PENDING&priority=HIGH&status=COMPLETED&priority=URGENT")
    #expect(answer.objects("tasks").map { $0["title"]?.string } == ["d", "c"])
  }

  @Test func `due before is exclusive, due after inclusive, and both leave out what has no date`()
    throws
  {
    let due = Instant(seconds: 1_800_000_000)
    try add("none")
    for (title, offset) in [("early", -1), ("there", 0), ("late", 1)] as [(String, Int64)] {
      try add(title) { $0.dueDate = Timestamp(Instant(microseconds: due.microseconds + offset)) }
    }

    #expect(try titles { $0.dueBefore = Timestamp(due) } == ["early"])
    #expect(try titles { $0.dueAfter = Timestamp(due) } == ["late", "there"])
    #expect(
      try titles {
        $0.dueAfter = Timestamp(due)
        $0.dueBefore = Timestamp(Instant(microseconds: due.microseconds + 1))
      } == ["there"]
    )
    let answer = try get("due_before=2027-01-15T08:00:00%2B00:00")
    #expect(answer.objects("tasks").map { $0["title"]?.string } == ["early"])
  }

  @Test func `search terms are found in title and description, all of them, in any case`() throws {
    try add("Paint the fence") { $0.description_p = "green, twice" }
    try add("Paint the door")
    try add("Call Øyvind's bank")

    #expect(try titles { $0.q = "paint" } == ["Paint the door", "Paint the fence"])
    #expect(try titles { $0.q = "GREEN fence" } == ["Paint the fence"])
    #expect(try titles { $0.q = "pai door" } == [])
    #expect(try titles { $0.q = "aint" } == [])
    #expect(try titles { $0.q = "øyvind" } == ["Call Øyvind's bank"])
    for text in ["paint & | ! ( ' : * door", "\"paint\" -- door", "paint\\ door"] {
      #expect(try titles { $0.q = text } == ["Paint the door"], "\(text)")
    }
  }

  // MARK: Order

  @Test func `each order goes both ways`() throws {
    for (title, priority, due) in [
      ("a", .medium, 30), ("b", .urgent, 10), ("c", .low, nil), ("d", .high, 20),
    ] as [(String, TaskPriority, Int64?)] {
      try add(title) {
        $0.priority = priority
        if let due { $0.dueDate = Timestamp(fixture.clock.now.adding(seconds: due)) }
      }
    }
    fixture.clock.advance(seconds: 1)
    let b = try fixture.listTasks(.with { $0.orderBy = "priority desc" }, as: ada.caller).tasks[0]
    try fixture.updateTask(.with { ($0.id, $0.title) = (b.id, "b") }, as: ada.caller)

    let orders: [(String, [String])] = [
      ("created_at", ["a", "b", "c", "d"]), ("updated_at asc", ["a", "c", "d", "b"]),
      ("due_date", ["b", "d", "a", "c"]), ("priority", ["c", "a", "d", "b"]),
    ]
    for (order, expected) in orders {
      #expect(try titles { $0.orderBy = order } == expected)
      let key = order.split(separator: " ")[0]
      // Without a due date, c is the last in both directions.
      let reversed = key == "due_date" ? ["a", "d", "b", "c"] : expected.reversed()
      #expect(try titles { $0.orderBy = "\(key) desc" } == reversed)
      let answer = try get("order_by=\(key)+desc")
      #expect(answer.objects("tasks").map { $0["title"]?.string } == reversed)
    }
  }

  @Test(arguments: ["due_date", "due_date desc"], [1, 2, 3, 5, 6, 7] as [Int32])
  func `tasks without a due date are the last, in pages of any size`(order: String, size: Int32)
    throws
  {
    for (title, due) in [("a", nil), ("b", 20), ("c", nil), ("d", 10), ("e", 20), ("f", nil)]
      as [(String, Int64?)]
    {
      try add(title) {
        if let due { $0.dueDate = Timestamp(Instant(seconds: 1_900_000_000 + due)) }
      }
    }
    var request = ListTasksRequest.with { ($0.orderBy, $0.pageSize) = (order, size) }
    var found: [String] = []
    repeat {
      let page = try fixture.listTasks(request, as: ada.caller)
      #expect(page.nextPageToken.isEmpty || page.tasks.count == size)
      found += page.tasks.map(\.title)
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty && found.count < 10

    #expect(
      found
        == (order == "due_date" ? ["d", "b", "e", "a", "c", "f"] : ["e", "b", "d", "f", "c", "a"])
    )
    let dated = try titles {
      $0.orderBy = order
      $0.dueAfter = Timestamp(Instant(seconds: 1_900_000_015))
    }
    #expect(dated == (order == "due_date" ? ["b", "e"] : ["e", "b"]))
    #expect(try titles { ($0.orderBy, $0.q) = (order, "c") } == ["c"])
  }

  // MARK: Invalid requests

  @Test func `one answer names every filter that makes no sense`() throws {
    let answer = try get(
      "status=DONE&priority=&due_before=2026-02-30T00:00:00Z&due_after=x&order_by=title&page_size=0&page=2"
        + "&user_id=me&q=\(String(repeating: "w", count: 256))"
    )

    #expect(answer.status == 400)
    #expect(answer.code == .invalidArgument)
    #expect(
      Set(answer.details.keys) == [
        "status", "priority", "due_before", "due_after", "order_by", "page_size", "page", "user_id",
        "q",
      ]
    )
  }

  @Test(arguments: [
    "created_at desc desc", "created_at  desc", "DUE_DATE", "due_date DESC", " priority", "id",
  ])
  func `an order that there is not is refused`(order: String) throws {
    let problem = fixture.listTasks.refusal(.with { $0.orderBy = order }, as: ada.caller)

    #expect(problem?.code == .invalidArgument)
    #expect(problem?.details.keys.sorted() == ["order_by"])
  }

  @Test func `a page token is valid for the query that it was made with, and no other`() throws {
    for _ in 0..<3 { try add("x") { $0.priority = .high } }
    let first = try fixture.listTasks(.with { $0.pageSize = 1 }, as: ada.caller)
    let token = first.nextPageToken
    let admin = try fixture.stranger(.admin).caller
    func code(
      _ caller: Caller,
      _ change: (inout ListTasksRequest) -> Void
    ) -> Problem.Code? {
      let request = ListTasksRequest.with {
        $0.pageToken = token
        change(&$0)
      }
      return fixture.listTasks.refusal(request, as: caller)?.code
    }

    #expect(code(ada.caller) { $0.pageSize = 2 } == nil)
    #expect(code(ada.caller) { $0.userID = ada.id.text } == nil)
    #expect(code(admin) { $0.userID = ada.id.text } == nil)
    #expect(code(ada.caller) { $0.status = [.pending] } == .invalidPageToken)
    #expect(code(ada.caller) { $0.priority = [.high] } == .invalidPageToken)
    #expect(code(ada.caller) { $0.dueBefore = Timestamp(fixture.clock.now) } == .invalidPageToken)
    #expect(code(ada.caller) { $0.dueAfter = Timestamp(fixture.clock.now) } == .invalidPageToken)
    #expect(code(ada.caller) { $0.q = "x" } == .invalidPageToken)
    #expect(code(ada.caller) { $0.orderBy = "created_at" } == .invalidPageToken)
    #expect(code(ada.caller) { $0.orderBy = "updated_at desc" } == .invalidPageToken)
    #expect(code(admin) { _ in } == .invalidPageToken)
    #expect(try code(fixture.stranger().caller) { _ in } == .invalidPageToken)
  }

  @Test func `a page token that was tampered with is refused`() throws {
    for _ in 0..<2 { try add("x") }
    let token = try fixture.listTasks(.with { $0.pageSize = 1 }, as: ada.caller).nextPageToken
    let characters = Array(token)

    for index in characters.indices {
      var changed = characters
      changed[index] = changed[index] == "A" ? "B" : "A"
      let problem = fixture.listTasks.refusal(
        .with { $0.pageToken = String(changed) },
        as: ada.caller
      )
      #expect(problem?.code == .invalidPageToken)
    }
    let answer = try get("page_token=%00")
    #expect(answer.status == 400)
  }

  @Test func `a page token outlives a change of keys while the old key still verifies`() throws {
    for title in ["a", "b"] { try add(title) }
    let token = try fixture.listTasks(.with { $0.pageSize = 1 }, as: ada.caller).nextPageToken
    fixture.keys.write([.init(id: "k2", signs: true), .init(id: "k1")])
    fixture.clock.advance(seconds: 2)
    #expect(try titles { $0.pageToken = token } == ["a"])

    fixture.keys.write([.init(id: "k3", signs: true), .init(id: "k2")])
    fixture.clock.advance(seconds: 2)
    #expect(
      fixture.listTasks.refusal(.with { $0.pageToken = token }, as: ada.caller)?.code
        == .invalidPageToken
    )
  }
}
