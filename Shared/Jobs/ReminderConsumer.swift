import API
import Endpoint
import Queue
import Resilience
import ServiceClient
import Stores
import Values

/// The queue of reminders that are to be handed over.
final class ReminderConsumer: QueueConsumer {
  /// Longer than a call may take, so that one that takes too long says something about the service.
  private static let requestMilliseconds = 3000

  let batchSize = 50
  let lease: Lease

  private let dispatcher: ReminderDispatcher
  /// The outcomes of the present batch, which are recorded by one statement.
  private var outcomes: [(ReminderStore.Handover, ReminderStore.Outcome)] = []
  private var failures = FailureStreak.handovers

  init(_ dispatcher: ReminderDispatcher, _ lease: Lease) {
    self.dispatcher = dispatcher
    self.lease = lease
  }

  var canContinue: Bool { !failures.isTooLong }

  func releaseOrphans() throws {
    try dispatcher.reminders(by: Job.statementDeadline).releaseOrphans(at: dispatcher.clock())
  }

  func confirm(_ reminder: ReminderStore.Handover) throws {
    try dispatcher.reminders(by: Job.statementDeadline).confirm(reminder)
  }

  /// Claims no more once the Notification service has failed too often in a row: the next run tries again.
  func claim(_ limit: Int, for lease: Lease) throws -> [ReminderStore.Handover] {
    guard canContinue else { return [] }
    let now = dispatcher.clock()
    let claimed = try dispatcher.reminders(by: Job.statementDeadline).claim(
      limit,
      dispatcher.leads,
      at: now,
      leasedUntil: lease.end(from: now),
      maximumAgeSeconds: dispatcher.maximumAgeSeconds
    )
    // Those that are only skipped come first: they take no time, and nobody's answer.
    return claimed.filter { $0.obstacle != nil } + claimed.filter { $0.obstacle == nil }
  }

  func process(_ reminder: inout ReminderStore.Handover) -> QueueOutcome {
    if let obstacle = reminder.obstacle { return .discarded(reason: obstacle) }
    let now = dispatcher.clock()
    let next = Backoff.unavailable.next(at: now)
    do {
      try ServiceClient.patiently(pause: dispatcher.pause) {
        try dispatcher.send(reminder.request, context(of: reminder, at: now))
      }
      failures.recordSuccess()
      return .completed()
    } catch let failure as CallFailure
      where failure.status == .notFound || failure.status == .invalidArgument
    {
      failures.recordSuccess()
      return .discarded(reason: failure.message)
    } catch let failure as CallFailure where failure.status == .failedPrecondition {
      // It concerns this one alone.
      return .retry(reason: failure.message, at: next, isAttempt: true)
    } catch {
      failures.recordFailure()
      return .retry(reason: "\(error)", at: next, isAttempt: true)
    }
  }

  func record(_ outcome: QueueOutcome, of reminder: ReminderStore.Handover) {
    outcomes.append((reminder, ReminderStore.Outcome(outcome)))
  }

  func endBatch(releasing rest: [ReminderStore.Handover]) throws {
    let now = dispatcher.clock()
    for reminder in rest {
      let reason = "its turn did not come"
      outcomes.append((reminder, .postponed(reason: reason, until: now)))
    }
    let batch = outcomes
    outcomes = []
    try dispatcher.reminders(by: Job.statementDeadline).record(batch, at: dispatcher.clock())
  }

  /// Skipping is part of the job, waiting for the service is not.
  func isFailure(_ outcome: QueueOutcome) -> Bool {
    switch outcome {
    case .completed, .resume, .discarded: false
    case .retry: true
    }
  }

  private func context(of reminder: ReminderStore.Handover, at now: Instant) -> Context {
    Context(
      now: now,
      caller: .unknown,
      trace: Trace(requestID: "reminder-\(reminder.request.taskID)"),
      deadline: Deadline(millisecondsFromNow: Self.requestMilliseconds)
    )
  }
}

extension ReminderStore.Outcome {
  fileprivate init(_ outcome: QueueOutcome) {
    self =
      switch outcome {
      case .completed: .handedOver
      case .discarded(let reason): .skipped(reason: reason)
      case .resume(let reason, let next), .retry(let reason, let next, _):
        .postponed(reason: reason, until: next)
      }
  }
}
