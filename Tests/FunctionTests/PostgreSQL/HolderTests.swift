import PostgreSQL
import Testing

/// A connection as the holder of claims.
struct HolderTests {
  let scratch: ScratchDatabase
  let database: Database
  /// Another session in the same database.
  let other: Database

  init() throws {
    scratch = try ScratchDatabase()
    database = try Postgres.database(.superuser, in: scratch)
    other = try Postgres.database(.superuser, in: scratch)
  }

  private static let claim = Statement("SELECT :holder::bigint")

  /// Claims a row, and returns the holder and what would be written into the row.
  func claim() throws -> (holder: Holder, written: Int64) {
    let claimed = try database.by(.soon).claim(Self.claim, [:], needsHolder: true) {
      (holder: $1, written: try $0.integer(0))
    }
    return (try #require(claimed[0].holder), claimed[0].written)
  }

  /// The backends that have the lock of a holder's number.
  func owners(_ holder: Holder) throws -> [Int64] {
    try other.read(
      Query(
        """
        SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
          AND classid::bigint << 32 | objid::bigint = $1::bigint
        """,
        .integer(holder.number)
      )
    ) { try $0.integer(0) }
  }

  @Test func `all claims of a connection have one number, whose lock it has`() throws {
    let first = try claim()
    #expect(first.written == first.holder.number)
    #expect(try claim() == first)
    #expect(try owners(first.holder) == [database.backend()])
    try database.by(.soon).confirm(first.holder)
    #expect(try owners(first.holder) == [database.backend()])
  }

  @Test func `numbers of all signs are found in the list of locks`() throws {
    var signs: Set<Int64> = []
    while signs.count < 2 {
      let holder = try claim().holder
      signs.insert(holder.number.signum())
      #expect(try owners(holder) == [database.backend()])
      try other.terminate(database.backend())
    }
  }

  @Test func `with the connection, the lock and all claims are gone`() throws {
    let holder = try claim().holder
    try other.terminate(database.backend())
    #expect(try owners(holder) == [])
    let error = #expect(throws: DatabaseError.self) { try database.by(.soon).confirm(holder) }
    #expect(error?.summary == "database unreachable: the connection was lost that had claimed this")
    let next = try claim().holder
    #expect(next != holder)
    try database.by(.soon).confirm(next)
    #expect(throws: DatabaseError.self) { try database.by(.soon).confirm(holder) }
  }

  @Test func `a connection that was replaced by a read holds nothing of what the lost one did`()
    throws
  {
    let holder = try claim().holder
    try other.terminate(database.backend())
    _ = try database.backend()
    #expect(throws: DatabaseError.self) { try database.by(.soon).confirm(holder) }
  }

  @Test func `a connection without anything in between is direct`() throws {
    #expect(try database.by(.soon).isDirect())
  }
}
