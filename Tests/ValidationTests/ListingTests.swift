import API
import Endpoint
import Testing
import Validation
import Values

/// A MAC that tests can see through: a sum over all bytes, with the key in front.
private func pages(key: UInt8 = 1) -> PageTokens {
  func code(_ message: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: key, count: 16)
    for (index, byte) in message.enumerated() {
      code[index % 16] = code[index % 16] &* 31 &+ byte &+ UInt8(truncatingIfNeeded: index)
    }
    return code
  }
  return PageTokens(MAC(make: code, check: { $1 == code($0) }))
}

private let cursor = Cursor(
  key: "2023-11-14T22:13:20.123456Z",
  id: "0190b6f0-0000-7000-8000-000000000001"
)

struct `A page token` {
  private func code(_ token: String, filters: String = "all", pages: PageTokens) throws
    -> Problem.Code
  {
    try ValidationTests.code { _ = try pages.cursor(in: token, filters: filters) }
  }

  @Test(arguments: [
    cursor, Cursor(key: "infinity", id: cursor.id), Cursor(key: "é", id: cursor.id),
  ])
  func `gives back the place that it was made of`(cursor: Cursor) throws {
    let token = try pages().token(after: cursor, filters: "all")
    #expect(try pages().cursor(in: token, filters: "all") == cursor)
    #expect(
      token.utf8.allSatisfy {
        $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "&") && $0 < 0x7F && $0 > 0x20
      }
    )
  }

  @Test func `is empty at the end, and the empty one means the beginning`() throws {
    #expect(try pages().token(after: nil, filters: "all") == "")
    #expect(try pages().cursor(in: "", filters: "all") == nil)
  }

  @Test(arguments: ["", "al", "all\u{0}", "all ", "ALL", "everything"])
  func `is valid only for the filters that it was made with`(filters: String) throws {
    let token = try pages().token(after: cursor, filters: "all")
    #expect(try code(token, filters: filters, pages: pages()) == .invalidPageToken)
  }

  @Test func `is valid with its own MAC alone`() throws {
    let token = try pages(key: 2).token(after: cursor, filters: "all")
    #expect(try code(token, pages: pages()) == .invalidPageToken)
  }

  @Test func `is not valid when a bit of it was changed`() throws {
    let bytes = try #require(Base64URL.decode(pages().token(after: cursor, filters: "all").utf8))
    for bit in 0..<bytes.count * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try code(Base64URL.encode(changed), pages: pages()) == .invalidPageToken)
    }
  }

  @Test func `is refused when it is too short, too long or not of its alphabet`() throws {
    let token = try pages().token(after: cursor, filters: "all")
    for text in [
      "x", "=", token + "A", token + "=", " " + token, String(token.dropLast()),
      String(token.prefix(69)), text(513, of: "A"),
      text(100_000), "%41", "\u{0}", "ä", cursor.id,
    ] {
      #expect(try code(text, pages: pages()) == .invalidPageToken)
    }
  }

  @Test func `that is refused is named as the field to blame`() throws {
    let problem = try #require(throws: Problem.self) { try pages().cursor(in: "x", filters: "all") }
    #expect(problem.details.keys.sorted() == ["page_token"])
  }

  @Test func `throws the errors of the MAC`() throws {
    struct NoKeys: Error {}
    let broken = PageTokens(
      MAC(make: { _ in throw NoKeys() }, check: { _, _ in throw NoKeys() })
    )
    let token = try pages().token(after: cursor, filters: "all")
    #expect(throws: NoKeys.self) { try broken.token(after: cursor, filters: "all") }
    #expect(throws: NoKeys.self) { try broken.cursor(in: token, filters: "all") }
  }
}

struct `A list of tasks` {
  private func listing(
    by caller: Caller = ann,
    _ fill: (inout ListTasksRequest) -> Void = { _ in }
  ) throws -> TaskListing {
    try TaskListing(ListTasksRequest(fill), caller: caller, pages: pages())
  }

  private let last = TaskMessage {
    $0.id = cursor.id
    $0.createdAt = Timestamp(now)
    $0.updatedAt = Timestamp(now.adding(seconds: 1))
    $0.priority = .high
  }

  @Test func `has 50 of one's own, the newest first, unless something else is asked for`() throws {
    let listing = try listing()
    #expect(listing.owner == ann.userID)
    #expect(listing.statuses == [])
    #expect(listing.priorities == [])
    #expect(listing.dueBefore == nil)
    #expect(listing.dueAfter == nil)
    #expect(listing.searchTerms == nil)
    #expect(listing.key == .createdAt)
    #expect(listing.isDescending)
    #expect(listing.page == Page(size: 50, after: nil))
  }

  @Test func `has everybody's for admins and services`() throws {
    #expect(try listing(by: admin).owner == nil)
    #expect(try listing(by: service).owner == nil)
  }

  @Test func `has another's for admins and services alone`() throws {
    for caller in [admin, service, bob] {
      #expect(
        try listing(by: caller) { $0.userID = bob.userID.text.uppercased() }.owner == bob.userID
      )
    }
    #expect(try code { _ = try listing { $0.userID = bob.userID.text } } == .permissionDenied)
    #expect(try violations { _ = try listing { $0.userID = "bob" } }.keys.sorted() == ["user_id"])
  }

  @Test(arguments: [1, 2, 199, 200] as [Int32])
  func `has up to 200`(size: Int32) throws {
    #expect(try listing { $0.pageSize = size }.page.size == Int(size))
  }

  @Test(arguments: [0, -1, 201, 9999, .max, .min] as [Int32])
  func `has no other number of them`(size: Int32) throws {
    #expect(
      try violations { _ = try listing { $0.pageSize = size } } == [
        "page_size": "must be from 1 to 200"
      ]
    )
  }

  @Test(
    arguments: [
      ("created_at", .createdAt, false), ("created_at asc", .createdAt, false),
      ("created_at desc", .createdAt, true), ("updated_at desc", .updatedAt, true),
      ("due_date", .dueDate, false), ("due_date desc", .dueDate, true),
      ("priority asc", .priority, false), ("priority desc", .priority, true),
    ] as [(String, TaskListing.Key, Bool)]
  )
  func `is ordered as asked`(order: String, key: TaskListing.Key, isDescending: Bool) throws {
    let listing = try listing { $0.orderBy = order }
    #expect(listing.key == key)
    #expect(listing.isDescending == isDescending)
  }

  @Test(arguments: [
    " ", "title", "id", "created_at DESC", "Created_at", "created_at  desc", " created_at",
    "created_at ", "created_at desc ", "-created_at", "created_at,priority",
    "created_at desc, priority", "created_at; DROP TABLE tasks", "desc", "created_at\tdesc",
  ])
  func `is ordered in no other way`(order: String) throws {
    #expect(try violations { _ = try listing { $0.orderBy = order } }.keys.sorted() == ["order_by"])
  }

  @Test func `is filtered by each value once, in the contract's order`() throws {
    let listing = try listing {
      $0.status = [.cancelled, .pending, .cancelled]
      $0.priority = [.urgent, .low, .urgent]
      $0.dueBefore = Timestamp(now)
      $0.dueAfter = Timestamp(now.adding(seconds: -1))
      $0.q = "water plants"
    }
    #expect(listing.statuses == [.pending, .cancelled])
    #expect(listing.priorities == [.low, .urgent])
    #expect(listing.dueBefore == now)
    #expect(listing.dueAfter == now.adding(seconds: -1))
    #expect(listing.searchTerms == "water plants")
  }

  @Test func `that is asked for in many wrong ways has all of them named at once`() throws {
    let details = try violations {
      _ = try listing {
        $0.pageSize = 0
        $0.status = [.pending, .unspecified]
        $0.priority = [.UNRECOGNIZED(8)]
        $0.dueBefore.seconds = .max
        $0.dueAfter.nanos = -1
        $0.q = text(256)
        $0.orderBy = "up"
        $0.userID = "bob"
        $0.pageToken = "x"
      }
    }
    #expect(
      details.keys.filter { $0 != "page_token" }.sorted() == [
        "due_after", "due_before", "order_by", "page_size", "priority", "q", "status", "user_id",
      ]
    )
  }

  @Test(arguments: ["\u{0}", text(256), text(128, of: "e\u{301}")])
  func `is searched for no such terms`(terms: String) throws {
    #expect(try violations { _ = try listing { $0.q = terms } }.keys.sorted() == ["q"])
  }

  @Test(arguments: [
    ("created_at", "2023-11-14T22:13:20Z"), ("updated_at desc", "2023-11-14T22:13:21Z"),
    ("due_date", "infinity"), ("priority desc", "HIGH"),
  ])
  func `goes on behind the last task by what it is ordered by`(order: String, key: String) throws {
    let token = try listing { $0.orderBy = order }.pageToken(after: last, pages: pages())
    let next = try listing { ($0.orderBy, $0.pageToken) = (order, token) }
    #expect(next.page == Page(size: 50, after: Cursor(key: key, id: last.id)))
  }

  @Test func `does not go on by a token from when tasks without a due date came first`() throws {
    let filters = ["tasks", ann.userID.text, "", "", "", "", "due_date", "desc", ""]
    let old = try pages().token(after: cursor, filters: filters.joined(separator: "\n"))
    #expect(
      try code {
        _ = try listing { ($0.orderBy, $0.pageToken) = ("due_date desc", old) }
      } == .invalidPageToken
    )
    // Others go on.
    let other = filters[..<6] + ["due_date", "asc", ""]
    let token = try pages().token(after: cursor, filters: other.joined(separator: "\n"))
    #expect(try listing { ($0.orderBy, $0.pageToken) = ("due_date", token) }.page.after == cursor)
  }

  @Test func `goes on behind a task that is due to the microsecond`() throws {
    var last = last
    last.dueDate = Timestamp(Instant(microseconds: 1))
    let token = try listing { $0.orderBy = "due_date" }.pageToken(after: last, pages: pages())
    let next = try listing { ($0.orderBy, $0.pageToken) = ("due_date", token) }
    #expect(next.page.after?.key == "1970-01-01T00:00:00.000001Z")
  }

  @Test func `goes on whatever the page's size and however the filters are written`() throws {
    let token = try listing { $0.status = [.pending, .completed] }.pageToken(
      after: last,
      pages: pages()
    )
    let next = try listing {
      $0.status = [.completed, .pending, .pending]
      $0.pageSize = 7
      $0.orderBy = "created_at desc"
      $0.pageToken = token
    }
    #expect(next.page.size == 7)
    #expect(next.page.after?.id == last.id)
  }

  /// One change to the query that the token below belongs to.
  struct Change: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let change: @Sendable (inout ListTasksRequest) -> Void
  }

  @Test(arguments: [
    Change(testDescription: "other status") { $0.status = [.pending] },
    Change(testDescription: "no status") { $0.status = [] },
    Change(testDescription: "other priority") { $0.priority = [.high] },
    Change(testDescription: "status and priority changed over") {
      ($0.status, $0.priority) = ([], [.low])
    },
    Change(testDescription: "other due_before") {
      $0.dueBefore = Timestamp(now.adding(seconds: 1))
    },
    Change(testDescription: "due_after instead") {
      $0.clearDueBefore()
      $0.dueAfter = Timestamp(now)
    },
    Change(testDescription: "other search terms") { $0.q = "plant" },
    Change(testDescription: "no search terms") { $0.q = "" },
    Change(testDescription: "other order") { $0.orderBy = "updated_at" },
    Change(testDescription: "other direction") { $0.orderBy = "created_at" },
  ])
  func `does not go on when it is another list`(change: Change) throws {
    func fill(_ request: inout ListTasksRequest) {
      request.status = [.inProgress]
      request.priority = [.low]
      request.dueBefore = Timestamp(now)
      request.q = "plants"
    }
    let token = try listing { fill(&$0) }.pageToken(after: last, pages: pages())
    #expect(
      try listing {
        fill(&$0)
        $0.pageToken = token
      }.page.after != nil
    )
    #expect(
      try code {
        _ = try listing {
          fill(&$0)
          change.change(&$0)
          $0.pageToken = token
        }
      } == .invalidPageToken
    )
  }

  @Test func `does not go on for another user, or for everybody`() throws {
    let token = try listing().pageToken(after: last, pages: pages())
    #expect(try code { _ = try listing(by: bob) { $0.pageToken = token } } == .invalidPageToken)
    #expect(try code { _ = try listing(by: admin) { $0.pageToken = token } } == .invalidPageToken)
    #expect(
      try listing(by: admin) { ($0.userID, $0.pageToken) = (ann.userID.text, token) }.page.after
        != nil
    )
  }
}

struct `A list of one user's tasks` {
  private func listing(of user: String, by caller: Caller, token: String = "") throws -> TaskListing
  {
    try TaskListing(
      ListUserTasksRequest { ($0.userID, $0.pageToken) = (user, token) },
      caller: caller,
      pages: pages()
    )
  }

  @Test func `is for that user, admins and services`() throws {
    for caller in [ann, admin, service] {
      #expect(try listing(of: ann.userID.text, by: caller).owner == ann.userID)
      #expect(try listing(of: ann.userID.text.uppercased(), by: caller).owner == ann.userID)
    }
  }

  @Test func `does not tell others whether there is such a user`() throws {
    #expect(try code { _ = try listing(of: ann.userID.text, by: bob) } == .userNotFound)
    #expect(try code { _ = try listing(of: ann.userID.text, by: .unknown) } == .userNotFound)
    #expect(try code { _ = try listing(of: "", by: .unknown) } == .userNotFound)
    for caller in [ann, admin] {
      #expect(try code { _ = try listing(of: "ann", by: caller) } == .userNotFound)
    }
  }

  @Test func `goes on as the list of one's own does, and the other way round`() throws {
    let last = TaskMessage { ($0.id, $0.createdAt) = (cursor.id, Timestamp(now)) }
    let own = try TaskListing(ListTasksRequest(), caller: ann, pages: pages())
    let token = try own.pageToken(after: last, pages: pages())
    #expect(try listing(of: ann.userID.text, by: ann, token: token).page.after?.id == last.id)
    #expect(
      try code { _ = try listing(of: bob.userID.text, by: bob, token: token) } == .invalidPageToken
    )
  }
}

struct `A list of users` {
  private func listing(_ fill: (inout ListUsersRequest) -> Void = { _ in }) throws -> UserListing {
    try UserListing(ListUsersRequest(fill), pages: pages())
  }

  @Test func `goes on behind the last user`() throws {
    let last = UserMessage { ($0.id, $0.createdAt) = (cursor.id, Timestamp(now)) }
    let token = try listing().pageToken(after: last, pages: pages())
    let next = try listing { ($0.pageSize, $0.pageToken) = (200, token) }
    #expect(next.page == Page(size: 200, after: Cursor(key: "2023-11-14T22:13:20Z", id: last.id)))
    #expect(try listing().page == Page(size: 50, after: nil))
  }

  @Test func `does not go on with the token of a list of tasks`() throws {
    let last = TaskMessage { ($0.id, $0.createdAt) = (cursor.id, Timestamp(now)) }
    let tasks = try TaskListing(ListTasksRequest(), caller: admin, pages: pages())
    let token = try tasks.pageToken(after: last, pages: pages())
    #expect(try code { _ = try listing { $0.pageToken = token } } == .invalidPageToken)
  }

  @Test(arguments: [0, -1, 201] as [Int32])
  func `has 1 to 200`(size: Int32) throws {
    #expect(
      try violations { _ = try listing { $0.pageSize = size } }.keys.sorted() == ["page_size"]
    )
  }
}
