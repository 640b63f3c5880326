import Testing
import Values

@testable import PostgreSQL

/// The texts of statements with parameters and optional parts.
struct StatementTextTests {
  /// The text that is sent for some values, and the values of `$1`, `$2` …
  func sent(_ sql: SQL, _ arguments: Query.Arguments = [:]) throws -> (
    text: String, values: [String]
  ) {
    let (variant, values) = try Query(Statement(sql), arguments).resolved()
    let rendering = try variant.statement.rendering(given: variant.given)
    return (rendering.text, rendering.order.map { "\(values[$0])" })
  }

  func text(_ sql: SQL, _ arguments: Query.Arguments = [:]) throws -> String {
    try sent(sql, arguments).text
  }

  @Test func `parameters are numbered as they occur, whatever order their values have`() throws {
    let sent = try sent(
      "UPDATE t SET a = :a, b_2 = :b_2 WHERE id = :id",
      ["id": .integer(3), "a": .integer(1), "b_2": .integer(2)]
    )

    #expect(sent.text == "UPDATE t SET a = $1, b_2 = $2 WHERE id = $3")
    #expect(sent.values == ["integer(1)", "integer(2)", "integer(3)"])
  }

  @Test func `a name that occurs twice is one parameter`() throws {
    let sent = try sent(
      "VALUES (:now, :id, :now) {, (:id, :now, :other)}",
      ["now": .integer(1), "id": .integer(2), "other": .integer(3)]
    )

    #expect(sent.text == "VALUES ($1, $2, $1) , ($2, $1, $3)")
    #expect(sent.values.count == 3)
  }

  @Test func `a name ends where it ends, and one that begins another is another`() throws {
    #expect(
      try text("SELECT :a+:ab,:a::text", ["a": .integer(1), "ab": .integer(2)])
        == "SELECT $1+$2,$1::text"
    )
  }

  @Test func `a part is there when its parameter has a value, and the numbers close up`() throws {
    let sql: SQL = "UPDATE t SET v = 1 {, a = :a} {, b = :b} WHERE id = :id {AND v = :v}"
    let id: SQLValue = .integer(7)

    #expect(try text(sql, ["id": id]) == "UPDATE t SET v = 1   WHERE id = $1 ")
    #expect(
      try text(sql, ["id": id, "b": .integer(1)]) == "UPDATE t SET v = 1  , b = $1 WHERE id = $2 "
    )
    let all = try sent(sql, ["id": id, "v": .integer(4), "b": .null, "a": .text(nil)])
    #expect(all.text == "UPDATE t SET v = 1 , a = $1 , b = $2 WHERE id = $3 AND v = $4")
    #expect(all.values == ["text(nil)", "null", "integer(7)", "integer(4)"])
  }

  @Test func `no value is not the same as NULL`() throws {
    let sql: SQL = "SELECT 1 {WHERE a = :a}"

    #expect(try text(sql, ["a": nil]) == "SELECT 1 ")
    #expect(try text(sql, ["a": .null]) == "SELECT 1 WHERE a = $1")
    #expect(try text(sql, ["a": .instant(nil)]) == "SELECT 1 WHERE a = $1")
  }

  @Test func `a part of several parameters needs them all`() throws {
    let sql: SQL = "SELECT 1 {WHERE (a, b) < (:a, :b)}"

    #expect(try text(sql, ["a": .integer(1)]) == "SELECT 1 ")
    #expect(
      try text(sql, ["a": .integer(1), "b": .integer(2)]) == "SELECT 1 WHERE (a, b) < ($1, $2)"
    )
  }

  @Test func `a value whose part is left out for another's sake is not sent`() throws {
    let sent = try sent(
      "SELECT 1 {WHERE (a, b) < (:a, :b)} LIMIT :limit",
      ["a": .integer(1), "limit": .integer(2)]
    )

    #expect(sent.text == "SELECT 1  LIMIT $1")
    #expect(sent.values == ["integer(2)"])
  }

  @Test func `the second half stands in for the first`() throws {
    let sql: SQL = "SELECT {:a::int ?? a} + {:b ?? {:c ?? 0}}"

    #expect(try text(sql) == "SELECT  a +   0")
    #expect(try text(sql, ["a": .integer(1)]) == "SELECT $1::int  +   0")
    #expect(try text(sql, ["c": .integer(1)]) == "SELECT  a +  $1 ")
    #expect(try text(sql, ["b": .integer(1), "c": .integer(2)]) == "SELECT  a + $1 ")
  }

  @Test func `a part within a part decides for itself`() throws {
    let sql: SQL = "SET v = 1 {, next = f({:due ?? due}, :lead)}"

    #expect(try text(sql, ["due": .integer(1)]) == "SET v = 1 ")
    #expect(try text(sql, ["lead": .null]) == "SET v = 1 , next = f( due, $1)")
    #expect(
      try text(sql, ["lead": .null, "due": .integer(1)]) == "SET v = 1 , next = f($1 , $2)"
    )
  }

  @Test(
    arguments: [
      "SELECT '{}', '{:a}', ':a', 'it''s :a ?? {'",
      "SELECT a::text[], now()::timestamptz, b[1:2], c :: int",
      "SELECT \":a\", \"{\"\"}\" FROM \"t ?? u\"",
      "SELECT 1 -- it's {what :a is\n, 2",
      "SELECT 1 -- to the end {",
      "SELECT a ?? b, c ? d, 1 - -1, 'ä:ö', ':",
      "",
    ] as [SQL]
  )
  func `casts, literals, quoted names and comments stay as they are`(sql: SQL) throws {
    #expect(try text(sql) == sql.text)
  }

  @Test func `within a part they do so too`() throws {
    let sql: SQL = "SELECT 1 {WHERE a = '}' || :a::text || ' ?? :b' -- }\n}"

    #expect(try text(sql) == "SELECT 1 ")
    #expect(
      try text(sql, ["a": .text("x")])
        == "SELECT 1 WHERE a = '}' || $1::text || ' ?? :b' -- }\n"
    )
  }

  @Test func `a name that the statement does not have is refused`() {
    let error = #expect(throws: DatabaseError.self) {
      try text("SELECT :id", ["id": .integer(1), "ids": .integer(2)])
    }
    #expect(error?.summary == "unexpected value: no parameter :ids in: SELECT :id")
    #expect(throws: DatabaseError.self) { try text("SELECT 1", ["id": nil]) }
  }

  @Test func `a parameter without a value is refused, unless its part can be left out`() {
    let error = #expect(throws: DatabaseError.self) { try text("SELECT :id {, :other}") }
    #expect(error?.summary == "unexpected value: no value for :id in: SELECT :id {, :other}")
    #expect(throws: DatabaseError.self) { try text("SELECT {:a ?? :b}") }
  }

  @Test func `pieces of SQL can be put together, and their parameters with them`() throws {
    let columns: SQL = "a, b"
    let condition: SQL = "a = :a {AND b = :b}"

    #expect(
      try text("SELECT \(columns) FROM t WHERE \(condition) LIMIT :n", ["n": .null, "a": .null])
        == "SELECT a, b FROM t WHERE a = $1  LIMIT $2"
    )
  }

  @Test func `the same parts of the same statement are one variant`() throws {
    func variant(_ statement: Statement, _ arguments: Query.Arguments) throws -> Statement.Variant {
      try Query(statement, arguments).resolved().variant
    }
    let (first, same) = (Statement("SELECT 1 {, :a}"), Statement("SELECT 1 {, :a}"))
    let other = Statement("SELECT 2 {, :a}")
    let one: Query.Arguments = ["a": .integer(1)]

    #expect(try variant(first, one) == variant(first, ["a": .text("another value")]))
    #expect(try variant(first, one) == variant(same, one))
    #expect(try variant(first, one).hashValue == variant(same, one).hashValue)
    #expect(try variant(first, one) != variant(first, [:]))
    #expect(try variant(first, one) != variant(other, one))
  }

  @Test func `a brace without its counterpart is found out at once`() async {
    await #expect(processExitsWith: .failure) { _ = Statement("SELECT 1 {, :a") }
    await #expect(processExitsWith: .failure) { _ = Statement("SELECT 1 {, :a ?? 2") }
    await #expect(processExitsWith: .failure) { _ = Statement("SELECT 1 }") }
  }
}
