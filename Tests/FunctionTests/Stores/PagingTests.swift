import API
import Endpoint
import PostgreSQL
import Runtime
import Serving
import Testing
import Values

/// The pages of a list, which together are the whole list, without duplicates or gaps.
struct PagingTests {
  static let count: Int64 = 500
  static let orders = ["created_at", "updated_at", "due_date", "priority"].flatMap {
    ["\($0) asc", "\($0) desc"]
  }

  let fixture: Fixture
  let ada: Person

  /// 500 tasks, many of them alike: few times, few priorities, a third without a due date.
  init() throws {
    fixture = try Fixture(tasks: ScratchDatabase(migrations: "task_db"))
    ada = try fixture.stranger()
    try insert(owner: ada, 1...Self.count)
  }

  func insert(owner: Person, _ numbers: ClosedRange<Int64>) throws {
    let query = Query(
      """
      INSERT INTO tasks (id, title, description, status, priority, user_id, due_date, created_at, updated_at)
      SELECT gen_random_uuid()::text, 'Task ' || n, CASE WHEN n % 2 = 0 THEN 'even' END,
        (enum_range(NULL::task_status))[1 + n % 4], (enum_range(NULL::task_priority))[1 + n / 4 % 4], $1,
        CASE WHEN n % 3 > 0 THEN timestamptz '2026-11-22T10:00:00.000001Z' + n % 5 * interval '1 microsecond' END,
        timestamptz '2026-11-20T10:00:00Z' + n % 7 * interval '1 millisecond',
        timestamptz '2026-11-21T10:00:00Z' - n % 2 * interval '1 day'
      FROM generate_series($2::bigint, $3::bigint) AS n
      """,
      .text(owner.id.text),
      .integer(numbers.lowerBound),
      .integer(numbers.upperBound)
    )
    _ = try fixture.taskService.database.write(query)
  }

  /// The ids in an order, by which PostgreSQL sorts the whole table in another way.
  func sorted(_ order: String, _ condition: SQL = "true") throws -> [String] {
    let sql: SQL =
      switch order {
      case "created_at asc": "created_at, id"
      case "created_at desc": "created_at DESC, id DESC"
      case "updated_at asc": "updated_at, id"
      case "updated_at desc": "updated_at DESC, id DESC"
      case "due_date asc": "due_date NULLS LAST, id"
      case "due_date desc": "due_date DESC NULLS LAST, id DESC"
      case "priority asc":
        "array_position(ARRAY['LOW', 'MEDIUM', 'HIGH', 'URGENT'], priority::text), id"
      default: "array_position(ARRAY['URGENT', 'HIGH', 'MEDIUM', 'LOW'], priority::text), id DESC"
      }
    return try fixture.taskService.database.read(
      Query("SELECT id FROM tasks WHERE \(condition) ORDER BY \(sql)")
    ) { try $0.text(0) }
  }

  /// The ids of all pages; `between` is called before each page but the first.
  func pages(
    _ request: ListTasksRequest,
    as caller: Caller,
    between: () throws -> Void = {}
  ) throws -> [String] {
    var request = request
    var found: [String] = []
    while found.count <= 2 * Self.count {
      let response = try fixture.listTasks(request, as: caller)
      #expect(response.tasks.count <= request.pageSize)
      found += response.tasks.map(\.id)
      if response.nextPageToken.isEmpty { return found }
      #expect(response.tasks.count == request.pageSize)
      request.pageToken = response.nextPageToken
      try between()
    }
    return found
  }

  @Test(arguments: orders, [1, 7, 200] as [Int32])
  func `one's own tasks`(order: String, size: Int32) throws {
    let found = try pages(.with { ($0.orderBy, $0.pageSize) = (order, size) }, as: ada.caller)

    #expect(found.count == Int(Self.count))
    #expect(try found == sorted(order))
  }

  @Test(arguments: orders)
  func `everybody's tasks`(order: String) throws {
    try insert(owner: fixture.stranger(), 1...200)
    let admin = try fixture.stranger(.admin).caller

    let found = try pages(.with { ($0.orderBy, $0.pageSize) = (order, 7) }, as: admin)
    #expect(found.count == 700)
    #expect(try found == sorted(order))
  }

  @Test(arguments: orders)
  func `tasks that filters leave over`(order: String) throws {
    let words = try pages(
      .with { ($0.orderBy, $0.pageSize, $0.q) = (order, 7, "even") },
      as: ada.caller
    )
    #expect(try words == sorted(order, "description IS NOT NULL"))

    let request = try ListTasksRequest.with {
      $0.orderBy = order
      $0.pageSize = 7
      $0.status = [.pending, .completed]
      $0.priority = [.high, .low]
      $0.dueAfter = Timestamp(try Instant(rfc3339: "2026-11-22T10:00:00.000002Z"))
      $0.dueBefore = Timestamp(try Instant(rfc3339: "2026-11-22T10:00:00.000005Z"))
    }
    let expected = try sorted(
      order,
      """
      status IN ('PENDING', 'COMPLETED') AND priority IN ('HIGH', 'LOW')
      AND due_date >= '2026-11-22T10:00:00.000002Z' AND due_date < '2026-11-22T10:00:00.000005Z'
      """
    )
    #expect(expected.count > 20)
    #expect(try pages(request, as: ada.caller) == expected)
  }

  @Test(arguments: orders)
  func `rows that come between two pages move no other row`(order: String) throws {
    let before = try sorted(order)
    var number = Self.count
    let found = try pages(
      .with { ($0.orderBy, $0.pageSize) = (order, 20) },
      as: ada.caller,
      between: {
        try insert(owner: ada, number + 1...number + 3)
        number += 3
      }
    )

    #expect(Set(found).count == found.count)
    let old = Set(before)
    #expect(found.filter(old.contains) == before)
    // Some were ahead and were found, some were behind.
    #expect(found.count > before.count)
    #expect(found.count < Int(number))
  }

  @Test func `a row that goes between two pages takes no other with it`() throws {
    let expected = try sorted("due_date asc")
    let first = try fixture.listTasks(
      .with { ($0.orderBy, $0.pageSize) = ("due_date", 10) },
      as: ada.caller
    )
    // The row after which the next page continues.
    try fixture.deleteTask(.with { $0.id = first.tasks[9].id }, as: ada.caller)

    let second = try fixture.listTasks(
      .with { ($0.orderBy, $0.pageSize, $0.pageToken) = ("due_date", 10, first.nextPageToken) },
      as: ada.caller
    )
    #expect(second.tasks.map(\.id) == Array(expected[10..<20]))
  }
}
