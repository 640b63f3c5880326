/// A queue in a database, and what is done with its items.
///
/// A `QueueWorker` calls it, always from one thread: `releaseOrphans` and `claim`, then `confirm`, `process` and `record`
/// for one item after the other, then `endBatch`. Nothing is lost wherever that ends: what was claimed and not recorded is
/// claimed by another worker when the connection to the database is lost that claimed it, or else when the lease is over.
/// So an item may be processed twice, and processing must allow for that.
public protocol QueueConsumer: AnyObject {
  associatedtype Item

  /// How many items are claimed at once.
  var batchSize: Int { get }
  /// How long they are claimed for.
  var lease: Lease { get }
  /// Whether more of the batch can be processed. The rest is released when not, for instance because the only server
  /// that items go to is away.
  var canContinue: Bool { get }
  /// Whether a batch of which nothing but retries is left is followed by a pause (while draining: by the end), rather
  /// than by the next batch at once.
  var pausesAfterRetries: Bool { get }

  /// Releases items whose holders are gone, so that they can be claimed at once.
  func releaseOrphans() throws

  /// Claims up to `limit` items whose time has come, so that no other worker finds them before the lease ends.
  ///
  /// - Returns: the items in the order in which they are to be processed; none when nothing is due, or when nothing
  ///   could be processed now.
  func claim(_ limit: Int, for lease: Lease) throws -> [Item]

  /// Makes sure that an item is still claimed. It is called before each, because others claim everything that was claimed
  /// by a connection as soon as that is lost.
  ///
  /// - Throws: what ends the batch, as `process` does, when it is not, or when nobody can tell.
  func confirm(_ item: Item) throws

  /// Does the work of an item. It may note its progress in it.
  ///
  /// - Throws: what ends the batch; the rest of it is free again when its lease is over.
  func process(_ item: inout Item) throws -> QueueOutcome

  /// Records the outcome of an item, or keeps it until the batch ends when many are recorded together.
  ///
  /// - Throws: what ends the batch, as `process` does.
  func record(_ outcome: QueueOutcome, of item: Item) throws

  /// Ends a batch, and releases items that were not begun, so that they can be claimed again at once.
  ///
  /// - Throws: what leaves them claimed until the lease is over.
  func endBatch(releasing rest: [Item]) throws

  /// Whether an outcome is a failure of the run, which its report then gives the reason of.
  func isFailure(_ outcome: QueueOutcome) -> Bool
}

extension QueueConsumer {
  /// True: nothing holds up the rest of a batch.
  public var canContinue: Bool { true }
  /// False: the next batch follows at once.
  public var pausesAfterRetries: Bool { false }
}
