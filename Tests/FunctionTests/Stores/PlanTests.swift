import API
import Endpoint
import Foundation
import Testing
import Validation
import Values

@testable import PostgreSQL
@testable import Stores

/// The plans by which PostgreSQL finds the rows of each list in a table of `PLAN_ROWS` rows, by default 1,000,000.
///
/// The plan depends on the table's size, so the table is filled once for all queries.
struct PlanTests {
  static let rows = Int64(ProcessInfo.processInfo.environment["PLAN_ROWS"] ?? "") ?? 1_000_000
  /// Tasks of one user, but for the one who has three of ten.
  static let share: Int64 = 500
  static let owner = ID(stored: "00000000-0000-7000-8000-000000000042")
  static let busyOwner = ID(stored: "00000000-0000-7000-8000-999999999999")

  /// One query, as a list makes it.
  struct Variant {
    let name: String
    let isFiltered: Bool
    let listing: TaskListing
  }

  @Test(.timeLimit(.minutes(10)))
  func `every list finds its rows by an index, in order unless filters leave few`() throws {
    let scratch = try ScratchDatabase(migrations: "task_db")
    try fill(scratch)

    let variants = try variants()
    #expect(variants.count == 4 * 2 * 2 * 2 * 7)
    for variant in variants {
      for query in queries(variant.listing) {
        let plan = try plan(of: query, scratch)
        #expect(!plan.contains("Seq Scan"), "\(variant.name):\n\(plan)")
        if !variant.isFiltered {
          #expect(plan.contains("Index Scan"), "\(variant.name):\n\(plan)")
          #expect(!plan.contains("Sort"), "\(variant.name):\n\(plan)")
        }
      }
    }
    try expectSearches(scratch)
  }

  /// All statements that a page may take.
  private func queries(_ listing: TaskListing) -> [Query] {
    TaskStore.ranges(of: listing).flatMap {
      TaskStore.listQueries(listing, $0, limit: listing.page.size + 1)
    }
  }

  /// Search terms are looked for among the tasks that come first, without sorting, and then by their index; by those of
  /// the owner where these are few.
  private func expectSearches(_ scratch: ScratchDatabase) throws {
    let searches: [(owner: ID?, terms: String, index: String)] = [
      (Self.busyOwner, "word42", "tasks_by_term"), (Self.busyOwner, "word4", "tasks_by_term"),
      (Self.busyOwner, "paint word42", "tasks_by_term"), (nil, "word42", "tasks_by_term"),
      (nil, "word4", "tasks_by_term"), (Self.owner, "word42", "tasks_"),
      (Self.owner, "paint", "tasks_"),
    ]
    for (owner, terms, index) in searches {
      let listing = try TaskListing(
        ListTasksRequest.with {
          $0.q = terms
          if let owner { $0.userID = owner.text }
        },
        caller: Caller(userID: Self.owner, role: .admin),
        pages: .unauthenticated
      )
      let queries = queries(listing)
      #expect(queries.count == 2)
      let ahead = try plan(of: queries[0], scratch)
      #expect(ahead.contains("Index Scan") && !ahead.contains("Sort"), "\(terms):\n\(ahead)")
      let byIndex = try plan(of: queries[1], scratch)
      #expect(byIndex.contains(index), "\(terms):\n\(byIndex)")
      #expect(!byIndex.contains("Seq Scan"), "\(terms):\n\(byIndex)")
    }
  }

  /// Inserts the rows as the superuser, who may also update the planner's statistics.
  private func fill(_ scratch: ScratchDatabase) throws {
    let owner = try Postgres.database(
      .superuser,
      in: scratch,
      options: Database.Options(statementTimeoutMilliseconds: 600_000)
    ).by(Deadline(millisecondsFromNow: 600_000))
    let insert = Query(
      """
      INSERT INTO tasks (id, title, description, status, priority, user_id, due_date, created_at, updated_at)
      SELECT gen_random_uuid()::text, 'Task ' || n || (ARRAY[' paint', ' write', ' call', ' buy'])[1 + n % 4],
        CASE WHEN n % 3 = 0 THEN 'about word' || n % 5000 END,
        (enum_range(NULL::task_status))[1 + n / 7 % 4], (enum_range(NULL::task_priority))[1 + n / 3 % 4],
        '00000000-0000-7000-8000-'
          || CASE WHEN n % 10 > 6 THEN repeat('9', 12) ELSE lpad((n % $2::bigint)::text, 12, '0') END,
        CASE WHEN n % 5 > 0 THEN timestamptz '2026-01-01Z' + n % 100000 * interval '5 minutes' END,
        timestamptz '2026-01-01Z' + n * interval '7 seconds', timestamptz '2026-01-01Z' + n * interval '8 seconds'
      FROM generate_series(1, $1::bigint) AS n
      """,
      .integer(Self.rows),
      .integer(Self.rows / Self.share)
    )
    #expect(try owner.write(insert) == Int(Self.rows))
    try owner.runScript("ANALYZE tasks")
  }

  /// 4 orders, 2 directions, own tasks and all, the first page and a later one; without filters, with
  /// each one and with all of them.
  private func variants() throws -> [Variant] {
    let user = Caller(userID: Self.owner, role: .user)
    let admin = Caller(userID: Self.owner, role: .admin)
    let soon = Timestamp(try Instant(rfc3339: "2026-06-01T00:00:00Z"))
    let late = Timestamp(try Instant(rfc3339: "2026-06-08T00:00:00Z"))
    let filters: [(String, (inout ListTasksRequest) -> Void)] = [
      ("no filter", { _ in }),
      ("status", { $0.status = [.pending, .inProgress] }),
      ("priority", { $0.priority = [.urgent] }),
      ("due_before", { $0.dueBefore = late }),
      ("due_after", { $0.dueAfter = soon }),
      ("q", { $0.q = "word42" }),
      (
        "all filters",
        {
          $0.status = [.pending, .inProgress]
          $0.priority = [.urgent, .high]
          $0.dueBefore = late
          $0.dueAfter = soon
          $0.q = "word42"
        }
      ),
    ]
    var variants: [Variant] = []
    for key in TaskListing.Key.allCases {
      for direction in ["asc", "desc"] {
        for caller in [user, admin] {
          for (name, filter) in filters {
            let request = ListTasksRequest.with {
              $0.orderBy = "\(key.rawValue) \(direction)"
              filter(&$0)
            }
            let first = try TaskListing(request, caller: caller, pages: .unauthenticated)
            let later = try TaskListing(
              request.with {
                $0.pageToken = try PageTokens.unauthenticated.token(after: cursor(key), filters: "")
              },
              caller: caller,
              pages: .unauthenticated
            )
            let label = "\(key.rawValue) \(direction), \(caller.role.name), \(name)"
            let isFiltered = name != "no filter"
            variants.append(
              Variant(name: label + ", first page", isFiltered: isFiltered, listing: first)
            )
            variants.append(
              Variant(name: label + ", later page", isFiltered: isFiltered, listing: later)
            )
          }
        }
      }
    }
    return variants
  }

  /// A place in the middle of the list.
  private func cursor(_ key: TaskListing.Key) -> Cursor {
    let value =
      switch key {
      case .createdAt, .updatedAt: Instant(seconds: 1_767_225_600 + 4 * Self.rows).rfc3339
      case .dueDate: "2026-06-04T00:00:00Z"
      case .priority: "HIGH"
      }
    return Cursor(key: value, id: "80000000-0000-4000-8000-000000000000")
  }

  /// The plan that PostgreSQL uses once the statement has run several times: by then, it may be one
  /// for all values.
  private func plan(of query: Query, _ scratch: ScratchDatabase) throws -> String {
    let database = try Postgres.database(.task, in: scratch)
    for _ in 0..<6 { _ = try database.read(query) { try $0.text(0) } }
    let (variant, values) = try query.resolved()
    let rendering = try variant.statement.rendering(given: variant.given)
    let names = try database.read(
      Query("SELECT name FROM pg_prepared_statements WHERE statement = $1", .text(rendering.text))
    ) { try $0.text(0) }
    let literals = rendering.order.map { values[$0].literal }
    var explain = "EXPLAIN EXECUTE \(names.first ?? "") (\(literals.joined(separator: ", ")))"
    if variant.statement.isPlannedEachTime {
      #expect(names.isEmpty)
      explain = "EXPLAIN " + rendering.text
      for number in literals.indices.reversed() {
        explain = explain.replacing("$\(number + 1)", with: literals[number])
      }
    }
    return try database.read(Query(SQL(unsafeSQL: explain))) { try $0.text(0) }.joined(
      separator: "\n"
    )
  }
}

extension SQLValue {
  /// The value as SQL text, for the types that this test binds.
  fileprivate var literal: String {
    switch self {
    case .text(.some(let text)): "'\(text)'"
    case .integer(let number): "\(number)"
    case .instant(.some(let instant)): "'\(instant.rfc3339)'"
    case .texts(let texts): "'{\(texts.joined(separator: ","))}'"
    default: preconditionFailure("no list binds \(self)")
    }
  }
}

extension PageTokens {
  /// Page tokens that anybody can make.
  fileprivate static var unauthenticated: PageTokens {
    PageTokens(MAC(make: { _ in [UInt8](repeating: 0, count: 16) }, check: { _, _ in true }))
  }
}

extension ListTasksRequest {
  fileprivate func with(_ change: (inout ListTasksRequest) throws -> Void) rethrows
    -> ListTasksRequest
  {
    var copy = self
    try change(&copy)
    return copy
  }
}
