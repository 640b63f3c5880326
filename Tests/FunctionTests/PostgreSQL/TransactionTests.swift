import Dispatch
import PostgreSQL
import Testing

struct TransactionTests {
  struct Stop: Error {}

  let scratch: ScratchDatabase
  let database: Database

  init() throws {
    scratch = try ScratchDatabase()
    database = try Postgres.database(.superuser, in: scratch)
    try database.runScript(
      "CREATE TABLE accounts (id bigint PRIMARY KEY, amount bigint CHECK (amount >= 0)); INSERT INTO accounts VALUES (1, 10), (2, 0)"
    )
  }

  func amounts() throws -> [Int64] {
    try database.read(Query("SELECT amount FROM accounts ORDER BY id")) { try $0.integer(0) }
  }

  static func add(_ amount: Int64, to id: Int64) -> Query {
    Query("UPDATE accounts SET amount = amount + $2 WHERE id = $1", .integer(id), .integer(amount))
  }

  @Test func `all of it happens`() throws {
    let result = try database.transaction { transaction in
      try transaction.run(Self.add(-3, to: 1)) + transaction.run(Self.add(3, to: 2))
    }

    #expect(result == 2)
    #expect(try amounts() == [7, 3])
  }

  @Test func `nothing of it happens when the body throws`() throws {
    #expect(throws: Stop.self) {
      try database.transaction { transaction in
        try transaction.run(Self.add(3, to: 2))
        throw Stop()
      }
    }

    #expect(try amounts() == [10, 0])
  }

  @Test func `nothing of it happens when a statement is refused`() throws {
    let error = #expect(throws: DatabaseError.self) {
      try database.transaction { transaction in
        try transaction.run(Self.add(11, to: 2))
        try transaction.run(Self.add(-11, to: 1))
      }
    }

    guard case .refused("23514", _, "accounts_amount_check")? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try amounts() == [10, 0])
  }

  @Test func `a body that hides a refusal is not told that all of it happened`() throws {
    #expect(throws: (any Error).self) {
      try database.transaction { transaction in
        try transaction.run(Self.add(3, to: 2))
        _ = try? transaction.run(Self.add(-11, to: 1))
      }
    }

    #expect(try amounts() == [10, 0])
  }

  @Test func `two that wait for each other both happen, not both at the first try`() throws {
    let scratch = scratch
    let hasLocked = [DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)]
    let outcomes = onThreads(2) { number in
      let database = try Postgres.database(.superuser, in: scratch)
      var attempts = 0
      try database.transaction { transaction in
        attempts += 1
        try transaction.run(Self.add(1, to: number == 0 ? 1 : 2))
        if attempts == 1 {
          hasLocked[number].signal()
          hasLocked[1 - number].wait()
        }
        try transaction.run(Self.add(1, to: number == 0 ? 2 : 1))
      }
      return attempts
    }

    // The one that retries may be quicker than the one that waited, and both may wait for each other once more.
    #expect(try outcomes.map { try $0.get() }.contains { $0 > 1 })
    #expect(try amounts() == [12, 2])
  }

  @Test func `a script of several statements is one transaction`() throws {
    #expect(throws: DatabaseError.self) {
      try database.runScript("UPDATE accounts SET amount = 5; UPDATE accounts SET amount = -5")
    }

    #expect(try amounts() == [10, 0])
  }
}
