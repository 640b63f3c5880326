import API
import Endpoint
import PostgreSQL
import Runtime
import Testing
import Validation
import Values

@testable import Stores

/// The pages of a list with long texts: each ends before 1 MiB of text.
struct PageBytesTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture(
      tasks: ScratchDatabase(migrations: "task_db"),
      notifications: ScratchDatabase(migrations: "notification_db")
    )
    ada = try fixture.stranger()
  }

  /// Adds tasks whose descriptions consist of `length` times the same character.
  func insert(_ numbers: ClosedRange<Int64>, _ character: String, length: Int64) throws {
    let query = Query(
      """
      INSERT INTO tasks (id, title, description, user_id, due_date, created_at, updated_at)
      SELECT gen_random_uuid()::text, 'Task ' || n, repeat($2, $3::integer), $1,
        CASE WHEN n % 2 = 0 THEN timestamptz '2026-12-01Z' + n * interval '1 hour' END,
        timestamptz '2026-11-20T10:00:00Z' + n * interval '1 second', now()
      FROM generate_series($4::bigint, $5::bigint) AS n
      """,
      .text(ada.id.text),
      .text(character),
      .integer(length),
      .integer(numbers.lowerBound),
      .integer(numbers.upperBound)
    )
    _ = try fixture.taskService.database.by(Deadline(millisecondsFromNow: 20_000)).write(query)
  }

  /// The numbers of the tasks of each page.
  func pages(_ order: String = "created_at", size: Int32 = 200, q: String = "") throws -> [[Int]] {
    var request = ListTasksRequest.with { ($0.orderBy, $0.pageSize, $0.q) = (order, size, q) }
    var pages: [[Int]] = []
    repeat {
      let response = try fixture.listTasks(request, as: ada.caller)
      let bytes = response.tasks.map {
        $0.title.utf8.count + PageBytes.count($0.description_p)
      }.reduce(0, +)
      #expect(bytes < PageBytes.maximum)
      #expect(response.tasks.allSatisfy { $0.hasDescription_p })
      pages.append(response.tasks.map { Int($0.title.dropFirst(5)) ?? 0 })
      request.pageToken = response.nextPageToken
    } while !request.pageToken.isEmpty && pages.count < 200
    return pages
  }

  @Test(arguments: [("😀", 26), ("ä", 52), ("a", 104), ("\u{1}", 17), ("\"", 52)])
  func `every page has as many tasks as fit, and none is missing`(character: String, fits: Int)
    throws
  {
    try insert(1...110, character, length: 10_000)

    let found = try pages()
    #expect(found.flatMap { $0 } == Array(1...110))
    #expect(found.dropLast().allSatisfy { $0.count == fits }, "\(found.map(\.count))")
    #expect(try pages(size: 10).map(\.count) == Array(repeating: 10, count: 11))
  }

  @Test(arguments: ["created_at desc", "due_date", "due_date desc", "priority desc"])
  func `long and short texts in any order`(order: String) throws {
    try insert(1...40, "😀", length: 10_000)
    try insert(41...120, "a", length: 2048)
    try insert(121...150, "a", length: 2049)
    try insert(151...180, "😀", length: 9_999)

    let found = try pages(order)
    #expect(found.count > 2)
    let all = found.flatMap { $0 }
    #expect(all.sorted() == Array(1...180))
    #expect(try pages(order, size: 50).flatMap { $0 } == all)
    #expect(try pages(order, q: "task").flatMap { $0 } == all)
  }

  @Test func `many texts that are short but grow in JSON are cut, too`() throws {
    try insert(1...200, "\u{1}", length: 2048)

    let found = try pages()
    #expect(found.flatMap { $0 } == Array(1...200))
    // 1 MiB by six bytes for each of 2,048 characters, and the title.
    #expect(found.map(\.count) == [85, 85, 30])
  }

  @Test func `a page without long texts is not cut`() throws {
    try insert(1...200, "😀", length: 512)

    #expect(try pages().map(\.count) == [200])
  }

  @Test func `no more is read than a page may have, and the texts that are in the rows`() throws {
    try insert(1...201, "😀", length: 10_000)
    let listing = try TaskListing(
      ListTasksRequest.with { $0.pageSize = 200 },
      caller: ada.caller,
      pages: PageTokens(MAC(make: { _ in [] }, check: { _, _ in true }))
    )
    let range = try #require(TaskStore.ranges(of: listing).first)
    let rows = try fixture.taskService.database.read(
      TaskStore.listQueries(listing, range, limit: 201)[0]
    ) { row in (try row.optionalText(2), try row.integer(10)) }

    #expect(rows.count == 201)
    #expect(rows.allSatisfy { $0.0 == nil && $0.1 == -40_000 })
  }

  @Test func `a task that goes while its text is read is left out, and the others are not`() throws
  {
    let rows = (1...60).map { number in TaskMessage.with { $0.id = "\(number)" } }
    let long = Dictionary(uniqueKeysWithValues: rows.map { ($0.id, 30_000) })
    var asked: [String] = []
    var page = rows
    let token = try page.cut(
      to: Page(size: 50, after: nil),
      completing: long,
      id: { $0.id },
      length: { $0.description_p.utf8.count },
      bytes: { PageBytes.count($0.description_p) },
      read: { ids in
        asked = ids
        // One is gone, one has become longer, one shorter.
        let lengths = ["2": 40_000, "3": 1]
        return Dictionary(
          uniqueKeysWithValues: ids.filter { $0 != "1" }.map { id in
            let text = String(repeating: "x", count: lengths[id] ?? 30_000)
            return (id, TaskMessage.with { ($0.id, $0.description_p) = (id, text) })
          }
        )
      },
      token: { $0.id }
    )

    #expect(asked == (1...34).map(String.init))
    #expect(page.map(\.id) == (2...34).map(String.init))
    #expect(token == "34")
  }

  @Test func `a single row may have more than a page`() throws {
    var page = (1...3).map { number in TaskMessage.with { $0.id = "\(number)" } }
    let text = String(repeating: "x", count: 2 * PageBytes.maximum)
    let token = try page.cut(
      to: Page(size: 2, after: nil),
      completing: ["1": text.utf8.count],
      id: { $0.id },
      length: { $0.description_p.utf8.count },
      bytes: { PageBytes.count($0.description_p) },
      read: { _ in ["1": .with { ($0.id, $0.description_p) = ("1", text) }] },
      token: { $0.id }
    )

    #expect(page.map(\.id) == ["1"])
    #expect(token == "1")
  }

  @Test func `notifications, too`() throws {
    let query = Query(
      """
      INSERT INTO notifications (id, type, recipient, subject, body, user_id, created_at)
      SELECT gen_random_uuid()::text, 'EMAIL', 'a@example.com', 'Number ' || n, repeat('😀', 10000), $1,
        timestamptz '2026-11-20T10:00:00Z' - n * interval '1 second'
      FROM generate_series(1, 60) AS n
      """,
      .text(ada.id.text)
    )
    _ = try fixture.notificationService.database.write(query)
    var request = ListNotificationsRequest.with { $0.pageSize = 200 }
    var found: [[String]] = []
    repeat {
      let response = try fixture.listNotifications(request, as: ada.caller)
      #expect(response.notifications.allSatisfy { $0.body.utf8.count == 40_000 })
      found.append(response.notifications.map(\.subject))
      request.pageToken = response.nextPageToken
    } while !request.pageToken.isEmpty && found.count < 10

    #expect(found.map(\.count) == [26, 26, 8])
    #expect(Array(found.joined()) == (1...60).map { "Number \($0)" })
  }

  /// Lists that have no long texts need no second statement.
  @Test func `users and subscriptions cannot have too much text for a page`() {
    let size = Bounds.ListUsersRequest.pageSize.upperBound
    let user = [
      Bounds.User.username, Bounds.User.email, Bounds.User.fullName, Bounds.User.timeZone,
    ].map { 4 * $0.upperBound }.reduce(0, +)
    #expect(size * user < PageBytes.maximum)
    let subscription = 4 * Bounds.PushSubscription.endpoint.upperBound
    #expect(
      Bounds.ListPushSubscriptionsResponse.subscriptionsCount * subscription < PageBytes.maximum
    )
    let short = 4 * Bounds.Task.title.upperBound + PageBytes.longestInRow + 500
    #expect((size + 1) * short < PageBytes.maximum)
  }
}
