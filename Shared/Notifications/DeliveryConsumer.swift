import Queue
import Runtime
import Stores
import Values

/// The queue of a channel's notifications.
final class DeliveryConsumer: QueueConsumer {
  let batchSize = 20
  /// Whether there may be a server to take the next one.
  private(set) var canContinue = true

  private let outbox: NotificationOutbox

  init(_ outbox: NotificationOutbox) { self.outbox = outbox }

  var lease: Lease { outbox.lease }

  func releaseOrphans() throws {
    try outbox.notifications(by: NotificationOutbox.soon)
      .releaseOrphans(outbox.channel.type, at: outbox.resources.now)
  }

  func confirm(_ attempt: NotificationStore.Attempt) throws {
    try outbox.notifications(by: NotificationOutbox.soon).confirm(attempt)
  }

  func claim(_ limit: Int, for lease: Lease) throws -> [NotificationStore.Attempt] {
    canContinue = true
    let notifications = outbox.notifications(by: NotificationOutbox.soon)
    let now = outbox.resources.now
    // One who finds no obstacle has to try, so there must be something to try.
    guard try notifications.isAnyDue(outbox.channel.type, at: now),
      outbox.channel.obstacle(at: now) == nil
    else { return [] }
    return try notifications.claim(
      limit,
      outbox.channel.type,
      at: now,
      leasedUntil: lease.end(from: now)
    )
  }

  func process(_ attempt: inout NotificationStore.Attempt) throws -> QueueOutcome {
    let patience = min(outbox.channel.atLeisureMilliseconds, lease.beginMilliseconds)
    let deadline = Deadline(millisecondsFromNow: patience)
    let result = try outbox.send(attempt, before: deadline, for: nil)
    canContinue = !(result.isUnavailable && outbox.channel.hasOneServer)
    return outbox.outcome(of: result, attempt)
  }

  func record(_ outcome: QueueOutcome, of attempt: NotificationStore.Attempt) throws {
    try outbox.record(outcome, of: attempt, by: NotificationOutbox.soon)
  }

  func endBatch(releasing rest: [NotificationStore.Attempt]) throws {
    // They are due at once, before the one that no server took: should it be the only such one, the others pass it.
    try outbox.notifications(by: NotificationOutbox.soon)
      .release(rest, until: outbox.resources.now)
  }

  /// False: that servers postpone or refuse notifications is daily business, and recorded with each.
  func isFailure(_ outcome: QueueOutcome) -> Bool { false }
}
