import API
import Endpoint
import JSON
import Queue
import Resilience
import Runtime
import ServiceClient
import Stores
import Telemetry
import Values

/// The queue of events: runs the steps of the saga that follows from each.
final class EventConsumer: QueueConsumer {
  /// An event, and how far its saga has come.
  struct Item {
    let event: EventStore.Event
    var stepsDone: Int
  }

  /// For all calls of one step.
  private static let requestMilliseconds = 5000

  let batchSize = 50
  let lease = Lease(seconds: 60, beginMilliseconds: 20_000)
  /// Retries mean that services do not work: asking them again at once would not help.
  let pausesAfterRetries = true

  private let relay: EventRelay
  /// By service: steps of the present batch in a row that it did not answer.
  private var outages: [Parties.Service: FailureStreak] = [:]

  init(_ relay: EventRelay) { self.relay = relay }

  private var now: Instant { relay.clock() }

  func releaseOrphans() throws {
    try relay.events(by: EventRelay.soon).releaseOrphans(at: now)
  }

  func confirm(_ item: Item) throws { try relay.events(by: EventRelay.soon).confirm(item.event) }

  func claim(_ limit: Int, for lease: Lease) throws -> [Item] {
    outages = [:]
    let now = now
    let claimed = try relay.events(by: EventRelay.soon)
      .claim(limit, at: now, leasedUntil: lease.end(from: now))
    return claimed.map { Item(event: $0, stepsDone: $0.stepsDone) }
  }

  func process(_ item: inout Item) throws -> QueueOutcome {
    let event = item.event
    guard let kind = event.kind else {
      // A version that knows it may come.
      return retry(event, "this version knows no such event")
    }
    for (place, step) in Saga.after(kind).steps.dropFirst(item.stepsDone).enumerated() {
      let due = event.createdAt.adding(seconds: step.delaySeconds)
      if due > now { return waiting(for: "its next step", until: due) }
      if outages[step.service]?.isTooLong == true {
        return wait(event, "the \(step.service.rawValue) service does not answer")
      }
      if place > 0 { try confirm(item) }
      do {
        try step.run(event, relay.makeParties(context(of: event)))
        outages[step.service] = nil
        item.stepsDone += 1
      } catch is Saga.Unfinished {
        return waiting(for: "what is left of a step", until: now)
      } catch {
        if let failure = error as? CallFailure, failure.isNobodyThere {
          outages[step.service, default: .serviceOutages].recordFailure()
        }
        return outcome(of: error, event)
      }
    }
    return .completed()
  }

  func record(_ outcome: QueueOutcome, of item: Item) throws {
    try relay.events(by: EventRelay.soon).record(
      EventStore.Outcome(outcome),
      of: item.event,
      stepsDone: item.stepsDone,
      at: now
    )
  }

  func endBatch(releasing rest: [Item]) throws {
    for item in rest { try record(waiting(for: "its turn", until: now), of: item) }
  }

  func isFailure(_ outcome: QueueOutcome) -> Bool {
    switch outcome {
    case .completed, .resume: false
    case .retry, .discarded: true
    }
  }

  private func context(of event: EventStore.Event) -> Context {
    Context(
      now: now,
      caller: .unknown,
      trace: Trace(requestID: "event-\(event.subject)"),
      deadline: Deadline(millisecondsFromNow: Self.requestMilliseconds)
    )
  }
}

// MARK: Outcomes

extension EventConsumer {
  private func waiting(for what: String, until next: Instant) -> QueueOutcome {
    .resume(reason: "waiting for \(what)", at: next)
  }

  /// The outcome for an event of which a step failed.
  private func outcome(of error: any Error, _ event: EventStore.Event) -> QueueOutcome {
    switch error {
    case let failure as CallFailure where failure.status == .invalidArgument:
      .discarded(reason: failure.message)
    case let failure as CallFailure where failure.isNobodyThere: wait(event, failure.message)
    case let failure as CallFailure: retry(event, failure.message)
    default: retry(event, Diagnostics.reason(of: error))
    }
  }

  /// A service that does not work costs no attempt. Only age ends the waiting.
  private func wait(_ event: EventStore.Event, _ reason: String) -> QueueOutcome {
    let now = now
    guard !isTooOld(event, at: now) else { return .discarded(reason: reason) }
    return .retry(reason: reason, at: Backoff.serviceOutage.next(at: now), isAttempt: false)
  }

  private func retry(_ event: EventStore.Event, _ reason: String) -> QueueOutcome {
    let now = now
    relay.log?.write(.warning, at: now) { line in
      line.member("event", event.number)
      line.member("attempt", event.attempt)
      line.member("message", reason)
    }
    guard !isTooOld(event, at: now) else { return .discarded(reason: reason) }
    let next = Backoff.delivery.next(afterAttempts: event.attempt, at: now)
    return .retry(reason: reason, at: next, isAttempt: true)
  }

  private func isTooOld(_ event: EventStore.Event, at now: Instant) -> Bool {
    event.createdAt.adding(seconds: relay.maximumAgeSeconds) <= now
  }
}

extension EventStore.Outcome {
  fileprivate init(_ outcome: QueueOutcome) {
    self =
      switch outcome {
      case .completed: .relayed
      case .resume(let reason, let next): .postponed(reason: reason, until: next, counts: false)
      case .retry(let reason, let next, let isAttempt):
        .postponed(reason: reason, until: next, counts: isAttempt)
      case .discarded(let reason): .discarded(reason: reason)
      }
  }
}

extension CallFailure {
  /// Whether the service, or the gateway before it, could not take the call.
  fileprivate var isNobodyThere: Bool {
    [.unavailable, .deadlineExceeded, .resourceExhausted].contains(status)
  }
}
