import PostgreSQL
import Testing
import Values

/// Values sent to PostgreSQL and read back.
struct ValueTests {
  let database: Database

  init() throws { database = try Postgres.database(.task) }

  static let awkward = [
    "", " ", "NULL", "null", "{}", "{a,b}", "a,b", "\"", "\"\"", "\\", "\\\\", "\\\"", "'",
    "''; --", "$1", "%s",
    "\t\r\n", "\u{1}\u{1F}\u{7F}", "ä", "e\u{301}", "\"\u{301}", "\\\u{301}", ",\u{301}", "👩‍👩‍👧‍👦",
    "\u{FEFF}",
    "\u{202E}abc", "\u{FFFE}", "\u{10FFFF}", "\u{2028}",
  ]

  func same(_ left: String, _ right: String) -> Bool {
    left.unicodeScalars.elementsEqual(right.unicodeScalars)
  }

  @Test func `text comes back as it went in`() throws {
    for text in Self.awkward {
      let query = Query("SELECT $1::text, $2::varchar", .text(text), .text(text))
      let rows = try database.read(query) { (try $0.text(0), try $0.optionalText(1)) }
      #expect(same(rows[0].0, text), "\(text.debugDescription)")
      #expect(same(rows[0].1 ?? "nothing", text), "\(text.debugDescription)")
    }
  }

  @Test func `long text comes back as it went in`() throws {
    for text in [String(repeating: "😀", count: 10_000), String(repeating: "\"\\", count: 100_000)] {
      #expect(try database.read(Query("SELECT $1::text", .text(text))) { try $0.text(0) } == [text])
    }
  }

  @Test func `text in an array comes back as it went in`() throws {
    for text in Self.awkward {
      let given = ["first", text, "last"]
      let rows = try database.read(Query("SELECT unnest($1::text[])", .texts(given))) {
        try $0.text(0)
      }
      #expect(rows.elementsEqual(given, by: same), "\(text.debugDescription)")
    }
  }

  @Test func `an array may be empty`() throws {
    #expect(
      try database.read(Query("SELECT unnest($1::text[])", .texts([]))) { try $0.text(0) }.isEmpty
    )
    #expect(
      try database.read(Query("SELECT $1::timestamptz[]", .instants([]))) {
        try $0.instants(0)
      } == [[]]
    )
  }

  @Test func `an array of an enumeration's labels works as one`() throws {
    let query = Query(
      """
      SELECT status FROM unnest(enum_range(NULL::task_status)) AS status
      WHERE status = ANY ($1::task_status[]) ORDER BY status
      """,
      .texts(["CANCELLED", "IN_PROGRESS"])
    )

    #expect(try database.read(query) { try $0.text(0) } == ["IN_PROGRESS", "CANCELLED"])
  }

  @Test func `nothing comes back as nothing`() throws {
    let query = Query(
      "SELECT $1::text, $2::text, $3::timestamptz",
      .null,
      .text(nil),
      .instant(nil)
    )
    let rows = try database.read(query) {
      (try $0.optionalText(0), try $0.optionalText(1), try $0.optionalInstant(2))
    }

    #expect(rows.count == 1)
    #expect(rows[0].0 == nil && rows[0].1 == nil && rows[0].2 == nil)
  }

  @Test(arguments: [0, 1, -1, 255, 256, -256, .max, .min] as [Int64])
  func `a number comes back as it went in`(number: Int64) throws {
    #expect(
      try database.read(Query("SELECT $1::bigint", .integer(number))) { try $0.integer(0) } == [
        number
      ]
    )
    if let small = Int32(exactly: number) {
      #expect(
        try database.read(Query("SELECT $1::integer", .integer(Int64(small)))) { try $0.integer(0) }
          == [number]
      )
    }
  }

  @Test func `a flag comes back as it went in`() throws {
    let rows = try database.read(
      Query("SELECT $1::boolean, $2::boolean", .bool(true), .bool(false))
    ) {
      (try $0.bool(0), try $0.bool(1))
    }

    #expect(rows[0] == (true, false))
  }

  static let instants = [
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000001Z", "1582-10-15T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00Z",
    "2000-01-01T00:00:00.000001Z",
    "2024-02-29T12:34:56.789012Z", "9999-12-31T23:59:59.999999Z",
  ]

  @Test(arguments: instants)
  func `an instant comes back to the microsecond, and PostgreSQL means the same by it`(text: String)
    throws
  {
    let instant = try Instant(rfc3339: text)
    let query = Query(
      "SELECT $1::timestamptz, (extract(epoch FROM $1::timestamptz) * 1000000)::bigint",
      .instant(instant)
    )
    let rows = try database.read(query) { (try $0.instant(0), try $0.integer(1)) }

    #expect(rows[0].0 == instant)
    #expect(rows[0].1 == instant.microseconds)
  }

  @Test func `an array of instants comes back as it went in`() throws {
    let given = try Self.instants.map { try Instant(rfc3339: $0) }
    let query = Query("SELECT $1::timestamptz[]", .instants(given))

    #expect(try database.read(query) { try $0.instants(0) } == [given])
  }

  @Test func `a value of another type than expected is an error, not a guess`() throws {
    func fails<T>(_ sql: SQL, _ map: (Row) throws -> T) -> Bool {
      do {
        _ = try database.read(Query(sql), map: map)
        return false
      } catch DatabaseError.unexpectedValue {
        return true
      } catch {
        return false
      }
    }

    #expect(fails("SELECT NULL::text") { try $0.text(0) })
    #expect(fails("SELECT NULL::bigint") { try $0.integer(0) })
    #expect(fails("SELECT NULL::timestamptz") { try $0.instant(0) })
    #expect(fails("SELECT 'abc'::text") { try $0.integer(0) })
    #expect(fails("SELECT 'abc'::text") { try $0.instants(0) })
    #expect(fails("SELECT '{{2000-01-01,2000-01-02}}'::timestamptz[]") { try $0.instants(0) })
    #expect(fails("SELECT '{NULL}'::timestamptz[]") { try $0.instants(0) })
    #expect(fails("SELECT 1") { try $0.integer(1) })
    #expect(try database.read(Query("SELECT 1")) { try $0.integer(0) } == [1])
  }
}
