import PostgreSQL
import Values

/// Claims of rows that have a `next_attempt_at`: of notifications, reminders and events.
///
/// A claim moves `next_attempt_at` to the end of its lease, and writes beside it the number of the connection that it
/// belongs to. It ends when its outcome is recorded, with that connection, or else with the lease. `claimed_until` repeats
/// the end of the lease, so that the number means nothing any more once `next_attempt_at` is changed, by whatever
/// statement.
enum Claims {
  /// The part of an `UPDATE` that claims a row.
  static let assignment: SQL = """
    next_attempt_at = :leased_until, claimed_until = :leased_until, claimed_by = :holder
    """

  /// The statement that releases the rows of a table whose holders are gone, at most a thousand. `row` is the key that
  /// `same` compares, of the rows `t` and `o`. Whoever releases them claims them next, so `condition` is that of the claim.
  ///
  /// They become due now, and so come after everything that has been due for longer: if one of them is what ended its
  /// holder, it does not keep the others from going out.
  ///
  /// Meanwhile, somebody else may have released a row and claimed it anew, with a number that is not yet among the holders:
  /// so it is locked only if it still has the number of the holder that is gone.
  static func release(in table: SQL, _ row: SQL, same: SQL, only condition: SQL = "true")
    -> Statement
  {
    Statement(
      """
      WITH holders AS MATERIALIZED (
        SELECT classid::bigint << 32 | objid::bigint AS number FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
      candidates AS MATERIALIZED (
        SELECT \(row), claimed_by AS holder FROM \(table)
        WHERE claimed_until = next_attempt_at AND next_attempt_at > :now
          AND claimed_by IS NOT NULL AND claimed_by NOT IN (SELECT number FROM holders) AND \(condition)
        ORDER BY claimed_by LIMIT 1000),
      orphans AS MATERIALIZED (
        SELECT \(row) FROM \(table) t
        WHERE t.claimed_until = t.next_attempt_at
          AND EXISTS (SELECT FROM candidates o WHERE \(same) AND o.holder = t.claimed_by)
        FOR UPDATE SKIP LOCKED)
      UPDATE \(table) t SET next_attempt_at = :now FROM orphans o WHERE \(same)
      """
    )
  }
}

extension TimedDatabase {
  /// Makes sure that a claim has not ended with its holder. One without a holder ends with its lease.
  ///
  /// - Throws: `DatabaseError`.
  func confirm(_ holder: Holder?) throws {
    if let holder { try confirm(holder) }
  }
}
