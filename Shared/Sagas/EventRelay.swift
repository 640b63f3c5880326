import API
import Endpoint
import JSON
import Resilience
public import Runtime
import ServiceClient
import Stores
import Telemetry
import Validation
import Values

/// Relays events: carries out the saga that follows from each, at least once, and those of one subject in order.
///
/// Nothing is lost wherever a run ends: an event is done with only when that is written down, and what was held by somebody
/// who died is taken by another when its time is over.
public final class EventRelay {
  /// What a run has done.
  public struct Report: Equatable, Sendable {
    /// Events of which all steps are done.
    public var relayed = 0
    /// Events that will be tried again.
    public var postponed = 0
    /// Events that were given up.
    public var dead = 0
    /// Why it was not all done; `nil` when it was.
    public var failure: String?

    /// Nothing yet.
    public init() {}
  }

  private static let takenAtOnce = 50
  private static let holdSeconds: Int64 = 60
  /// What is not begun by then is somebody else's.
  private static let beginMilliseconds = 20_000
  private static let callMilliseconds = 4000
  private static let requestMilliseconds = 5000
  private static let databaseMilliseconds = 10_000
  private static let idleMicroseconds: UInt32 = 1_000_000
  /// How soon a service that does not work is asked again.
  private static let outageSeconds: Int64 = 5
  /// After so many in a row a service is not asked for the rest of what was taken.
  private static let outagesInARow = 3

  private let events: Timed<EventStore>
  private let makeParties: (_ context: Context) -> Parties
  private let clock: () -> Instant
  private let maximumAgeSeconds: Int64
  private let log: Log?

  /// The end of the wait for a statement that begins now.
  private static var soon: Deadline { Deadline(millisecondsFromNow: databaseMilliseconds) }

  init(
    events: Timed<EventStore>,
    maximumAgeSeconds: Int = 604_800,
    clock: @escaping () -> Instant,
    log: Log? = nil,
    parties: @escaping (_ context: Context) -> Parties
  ) {
    self.events = events
    self.maximumAgeSeconds = Int64(maximumAgeSeconds)
    self.clock = clock
    self.log = log
    makeParties = parties
  }

  /// The relay of a service's job, by the settings `SERVICE`, `TASK_SERVICE_URL`, `NOTIFICATION_SERVICE_URL` and
  /// `EVENT_MAX_AGE_SECONDS`.
  ///
  /// - Throws: `Settings.Invalid`.
  public convenience init(_ resources: Resources) throws {
    let settings = resources.settings
    _ = try settings.required("NOTIFICATION_SERVICE_URL")
    if settings.text("SERVICE") == "user" { _ = try settings.required("TASK_SERVICE_URL") }
    let task = ServiceClient(try resources.access(to: "task"))
    let notification = ServiceClient(try resources.access(to: "notification"))
    let call: Parties.Call = { service, rpc, request, context in
      let client =
        switch service {
        case .task: task
        case .notification: notification
        }
      guard let client else {
        throw Settings.Invalid(message: "\(service.rawValue.uppercased())_SERVICE_URL is not set")
      }
      // Whatever is in the answer is kept for whoever reads it.
      let answer: Empty = try ServiceClient.patiently {
        try client.call(
          rpc,
          request,
          in: context,
          withinMilliseconds: Self.callMilliseconds,
          isRepeatable: true
        )
      }
      return try answer.serializedBytes()
    }
    self.init(
      events: resources.events,
      maximumAgeSeconds: try settings.integer(
        "EVENT_MAX_AGE_SECONDS",
        default: 604_800,
        in: 60...31_536_000
      ),
      clock: { resources.now },
      log: resources.log,
      parties: {
        Parties(
          users: resources.users(by: Self.soon),
          tasks: resources.tasks(by: Self.soon),
          context: $0,
          send: call
        )
      }
    )
  }

  /// Relays what is due and, unless `drains`, what becomes due, until `isOver` says so. While the database is away it waits
  /// for it.
  public func run(
    drains: Bool,
    isOver: () -> Bool,
    sleep: (_ microseconds: UInt32) -> Void
  ) -> Report {
    var report = Report()
    while !isOver() {
      do {
        if try relaySome(isOver: isOver, &report) { continue }
      } catch {
        report.failure = Diagnostics.reason(of: error)
      }
      if drains { break }
      sleep(Self.idleMicroseconds)
    }
    return report
  }

  /// Relays some of what is due; whether there may be more that can be relayed now.
  private func relaySome(isOver: () -> Bool, _ report: inout Report) throws -> Bool {
    let now = clock()
    let begin = Deadline(millisecondsFromNow: Self.beginMilliseconds)
    let taken = try events(by: Self.soon).take(
      Self.takenAtOnce,
      at: now,
      heldUntil: now.adding(seconds: Self.holdSeconds)
    )
    var outages: [Parties.Service: Int] = [:]
    var hasMore = false
    for event in taken {
      let result =
        begin.hasPassed || isOver()
        ? .waiting(for: "its turn", until: clock(), event, stepsDone: event.stepsDone)
        : relay(event, &outages)
      try events(by: Self.soon)
        .settle(event, result.outcome, stepsDone: result.stepsDone, at: clock())
      report.add(result)
      hasMore = hasMore || result.goesOn
    }
    return hasMore
  }

  /// What has become of one event.
  fileprivate struct Result {
    let outcome: EventStore.Outcome
    let stepsDone: Int
    /// Whether it is as it should be that it waits.
    var isPlanned = false

    init(_ outcome: EventStore.Outcome, _ event: EventStore.Event, stepsDone: Int? = nil) {
      self.outcome = outcome
      self.stepsDone = stepsDone ?? event.stepsDone
    }

    /// One that is to be gone on with later, with nothing wrong about it.
    static func waiting(
      for what: String,
      until: Instant,
      _ event: EventStore.Event,
      stepsDone: Int
    ) -> Result {
      let outcome = EventStore.Outcome.postponed(
        reason: "waiting for \(what)",
        until: until,
        counts: false
      )
      var result = Result(outcome, event, stepsDone: stepsDone)
      result.isPlanned = true
      return result
    }

    /// Whether what follows, of this event or of the next one, can be done at once.
    var goesOn: Bool {
      switch outcome {
      case .relayed, .dead: true
      case .postponed: isPlanned
      }
    }
  }

  private func relay(_ event: EventStore.Event, _ outages: inout [Parties.Service: Int]) -> Result {
    guard let kind = event.kind else {
      // A version that knows it may come.
      return Result(retry(event, "this version knows no such event"), event)
    }
    var stepsDone = event.stepsDone
    for step in Saga.after(kind).steps.dropFirst(stepsDone) {
      let due = event.createdAt.adding(seconds: step.delaySeconds)
      if due > clock() {
        return .waiting(for: "its next step", until: due, event, stepsDone: stepsDone)
      }
      if outages[step.service, default: 0] >= Self.outagesInARow {
        let reason = "the \(step.service.rawValue) service does not answer"
        return Result(wait(event, reason), event, stepsDone: stepsDone)
      }
      do {
        try step.run(event, makeParties(context(of: event)))
        outages[step.service] = 0
        stepsDone += 1
      } catch is Saga.Unfinished {
        return .waiting(for: "what is left of a step", until: clock(), event, stepsDone: stepsDone)
      } catch {
        if let failure = error as? CallFailure, failure.isNobodyThere {
          outages[step.service, default: 0] += 1
        }
        return Result(outcome(of: error, event), event, stepsDone: stepsDone)
      }
    }
    return Result(.relayed, event, stepsDone: stepsDone)
  }

  /// What becomes of an event of which a step came to nothing.
  private func outcome(of error: any Error, _ event: EventStore.Event) -> EventStore.Outcome {
    switch error {
    case let failure as CallFailure where failure.status == .invalidArgument:
      .dead(reason: failure.message)
    case let failure as CallFailure where failure.isNobodyThere: wait(event, failure.message)
    case let failure as CallFailure: retry(event, failure.message)
    default: retry(event, Diagnostics.reason(of: error))
    }
  }

  private func context(of event: EventStore.Event) -> Context {
    Context(
      now: clock(),
      caller: .unknown,
      trace: Trace(requestID: "event-\(event.subject)"),
      deadline: Deadline(millisecondsFromNow: Self.requestMilliseconds)
    )
  }

  /// That a service does not work is no attempt; only age ends it.
  private func wait(_ event: EventStore.Event, _ reason: String) -> EventStore.Outcome {
    let now = clock()
    guard event.createdAt.adding(seconds: maximumAgeSeconds) > now else {
      return .dead(reason: reason)
    }
    return .postponed(
      reason: reason,
      until: now.adding(seconds: Self.outageSeconds),
      counts: false
    )
  }

  private func retry(_ event: EventStore.Event, _ reason: String) -> EventStore.Outcome {
    let now = clock()
    log?.write(.warning, at: now) { line in
      line.member("event", event.number)
      line.member("attempt", event.attempt)
      line.member("message", reason)
    }
    guard event.createdAt.adding(seconds: maximumAgeSeconds) > now else {
      return .dead(reason: reason)
    }
    var random = SystemRandomNumberGenerator()
    let next = Backoff.next(afterAttempts: event.attempt, at: now, random: &random)
    return .postponed(reason: reason, until: next, counts: true)
  }

  /// Has those tried again that were given up: one, or with `nil` all. How many.
  ///
  /// - Throws: `DatabaseError`.
  public func revive(_ number: Int64?) throws -> Int {
    try events(by: Self.soon).revive(number, at: clock())
  }
}

extension CallFailure {
  /// Whether the service, or the gateway before it, could not take the call.
  fileprivate var isNobodyThere: Bool {
    [.unavailable, .deadlineExceeded, .resourceExhausted].contains(status)
  }
}

extension EventRelay.Report {
  fileprivate mutating func add(_ result: EventRelay.Result) {
    switch result.outcome {
    case .relayed: relayed += 1
    case .postponed where result.isPlanned: break
    case .postponed(let reason, _, _):
      postponed += 1
      failure = failure ?? reason
    case .dead(let reason):
      dead += 1
      failure = failure ?? reason
    }
  }
}
