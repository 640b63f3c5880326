import PostgreSQL
import Testing

/// Prepared statements, and changes of the database under them.
struct StatementTests {
  let scratch: ScratchDatabase
  let database: Database
  /// Another session in the same database.
  let other: Database

  init() throws {
    scratch = try ScratchDatabase()
    database = try Postgres.database(.superuser, in: scratch)
    other = try Postgres.database(.superuser, in: scratch)
    try other.runScript(
      "CREATE TABLE notes (id bigint PRIMARY KEY, text varchar(20)); INSERT INTO notes VALUES (1, 'first')"
    )
  }

  func texts() throws -> [String] {
    try database.read(Query("SELECT text FROM notes ORDER BY id")) { try $0.text(0) }
  }

  func rename(_ id: Int64, _ text: String) throws -> [String] {
    try database.write(
      Query("UPDATE notes SET text = $2 WHERE id = $1 RETURNING text", .integer(id), .text(text))
    ) { try $0.text(0) }
  }

  func preparedCount() throws -> Int64 {
    try database.read(Query("SELECT count(*) FROM pg_prepared_statements")) { try $0.integer(0) }[0]
  }

  @Test func `a statement is prepared once`() throws {
    for _ in 0..<5 { _ = try texts() }

    #expect(try preparedCount() == 2)
  }

  @Test func `a change of the table, as by a migration, goes unnoticed`() throws {
    #expect(try texts() == ["first"])
    #expect(try rename(1, "second") == ["second"])
    try other.runScript("ALTER TABLE notes ALTER COLUMN text TYPE text")

    #expect(try texts() == ["second"])
    #expect(try rename(1, "third") == ["third"])
    #expect(try texts() == ["third"])
  }

  @Test func `a change of the table between two transactions goes unnoticed`() throws {
    func work() throws -> [String] {
      try database.transaction { transaction in
        let add = Query("INSERT INTO notes SELECT max(id) + 1, 'more' FROM notes RETURNING text")
        let list = Query("SELECT text FROM notes ORDER BY id")
        _ = try transaction.run(add) { try $0.text(0) }
        return try transaction.run(list) { try $0.text(0) }
      }
    }
    #expect(try work() == ["first", "more"])
    try other.runScript("ALTER TABLE notes ALTER COLUMN text TYPE text")

    #expect(try work() == ["first", "more", "more"])
    #expect(try texts() == ["first", "more", "more"])
  }

  @Test func `statements that the server has forgotten are prepared anew`() throws {
    #expect(try texts() == ["first"])
    _ = try rename(1, "second")
    try database.runScript("DEALLOCATE ALL")

    #expect(try texts() == ["second"])
    #expect(try rename(1, "third") == ["third"])
    #expect(try texts() == ["third"])
  }

  @Test func `a transaction of several forgotten statements happens, and once`() throws {
    func work() throws {
      try database.transaction { transaction in
        try transaction.run(Query("INSERT INTO notes SELECT max(id) + 1, 'more' FROM notes"))
        try transaction.run(Query("UPDATE notes SET text = text || '!' WHERE id > 1"))
        try transaction.run(Query("DELETE FROM notes WHERE id = $1", .integer(1)))
      }
    }
    try work()
    try database.runScript("DEALLOCATE ALL")

    try work()
    #expect(try texts() == ["more!!", "more!"])
  }

  @Test func `more statements than a connection keeps all work, again and again`() throws {
    for round in 0..<2 {
      for number in 0..<250 {
        let query = Query(SQL(unsafeSQL: "SELECT \(number) + $1::integer"), .integer(Int64(round)))
        #expect(try database.read(query) { try $0.integer(0) } == [Int64(number + round)])
      }
    }
    #expect(try preparedCount() <= 101)
  }

  @Test func `in a transaction too`() throws {
    try database.transaction { transaction in
      for number in 0..<250 {
        let query = Query(
          SQL(unsafeSQL: "INSERT INTO notes VALUES (\(number) + $1::integer, 'many')"),
          .integer(1000)
        )
        try transaction.run(query)
      }
    }

    #expect(try texts().count == 251)
  }

  @Test func `a statement that cannot be prepared leaves the connection as it was`() throws {
    #expect(try texts() == ["first"])
    for _ in 0..<2 {
      let error = #expect(throws: DatabaseError.self) {
        try database.read(Query("SELECT nothing FROM notes")) { try $0.text(0) }
      }
      #expect(error?.summary == "SQLSTATE 42703: column \"nothing\" does not exist")
    }
    #expect(try texts() == ["first"])
  }

  @Test func `behind a pooler nothing is prepared, and all works`() throws {
    let database = try Postgres.database(
      .superuser,
      in: scratch,
      options: Database.Options(preparesStatements: false)
    )
    for number in 2..<5 as Range<Int64> {
      #expect(
        try database.write(
          Query("INSERT INTO notes VALUES ($1, $2)", .integer(number), .text("n\(number)"))
        ) == 1
      )
    }
    let found = try database.transaction { transaction in
      try transaction.run(
        Query(
          "SELECT text FROM notes WHERE text = ANY ($1::text[]) ORDER BY id",
          .texts(["n3", "n4", "?"])
        )
      ) { try $0.text(0) }
    }
    #expect(found == ["n3", "n4"])
    try other.runScript("ALTER TABLE notes ALTER COLUMN text TYPE text")
    #expect(
      try database.read(Query("SELECT text FROM notes WHERE id = $1", .integer(2))) {
        try $0.text(0)
      } == ["n2"]
    )
    #expect(
      try database.read(Query("SELECT count(*) FROM pg_prepared_statements")) { try $0.integer(0) }
        == [0]
    )
  }
}
