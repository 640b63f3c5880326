import API
import Endpoint
import JSON
import Rules
import ServiceClient
public import Serving
import Stores
import Telemetry
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
  private static let outagesInARow = 3
  private static let outages: [RPCStatus] = [.unavailable, .deadlineExceeded, .resourceExhausted]
  private static let maximumAttempts = 50

  private let events: EventStore
  private let makeParties: (_ context: Context) -> Parties
  private let clock: () -> Instant
  private let extend: () -> Void
  private let maximumAgeSeconds: Int64
  private let log: Log?

  init(
    events: EventStore,
    maximumAgeSeconds: Int = 604_800,
    clock: @escaping () -> Instant,
    extend: @escaping () -> Void = {},
    log: Log? = nil,
    parties: @escaping (_ context: Context) -> Parties
  ) {
    self.events = events
    self.maximumAgeSeconds = Int64(maximumAgeSeconds)
    self.clock = clock
    self.extend = extend
    self.log = log
    makeParties = parties
  }

  /// The relay of a service's job, by the settings `TASK_SERVICE_URL`, `NOTIFICATION_SERVICE_URL` and
  /// `EVENT_MAX_AGE_SECONDS`.
  ///
  /// - Throws: `Settings.Invalid`.
  public convenience init(_ resources: Resources) throws {
    let task = try resources.access(to: "task")
    let notification = try resources.access(to: "notification")
    let clients = (task: ServiceClient(task), notification: ServiceClient(notification))
    self.init(
      events: resources.events,
      maximumAgeSeconds: try resources.settings.integer(
        "EVENT_MAX_AGE_SECONDS",
        default: 604_800,
        in: 60...31_536_000
      ),
      clock: { resources.now },
      extend: { resources.allowDatabase(milliseconds: Self.databaseMilliseconds) },
      log: resources.log
    ) { context in
      Parties(users: resources.users, tasks: resources.tasks, context: context) {
        service,
        rpc,
        request,
        context in
        let client =
          switch service {
          case .task: clients.task
          case .notification: clients.notification
          }
        guard let client else {
          throw Settings.Invalid(message: "\(service.rawValue.uppercased())_SERVICE_URL is not set")
        }
        // Nobody looks at the answers, so they are all read as nothing.
        let _: Empty = try ServiceClient.patiently {
          try client.call(
            rpc,
            request,
            in: context,
            withinMilliseconds: Self.callMilliseconds,
            isRepeatable: true
          )
        }
      }
    }
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
        report.failure = Serving.reason(of: error)
      }
      if drains { break }
      sleep(Self.idleMicroseconds)
    }
    return report
  }

  /// Relays some of what is due; whether there may be more that can be relayed now.
  private func relaySome(isOver: () -> Bool, _ report: inout Report) throws -> Bool {
    extend()
    let now = clock()
    let begin = Deadline(millisecondsFromNow: Self.beginMilliseconds)
    let taken = try events.take(
      Self.takenAtOnce,
      at: now,
      heldUntil: now.adding(seconds: Self.holdSeconds)
    )
    var outages = 0
    for event in taken {
      if begin.hasPassed || isOver() || outages >= Self.outagesInARow {
        let back = EventStore.Outcome.postponed(
          reason: "its turn did not come",
          until: clock(),
          counts: false
        )
        try events.settle(event, back, stepsDone: event.stepsDone, at: clock())
        continue
      }
      let (outcome, stepsDone, isOutage) = relay(event)
      outages = isOutage ? outages + 1 : 0
      extend()
      try events.settle(event, outcome, stepsDone: stepsDone, at: clock())
      report.add(outcome)
    }
    return !taken.isEmpty && outages < Self.outagesInARow
  }

  private func relay(_ event: EventStore.Event) -> (
    outcome: EventStore.Outcome, stepsDone: Int, isOutage: Bool
  ) {
    guard let kind = event.kind else {
      // A version that knows it may come.
      return (retry(event, "this version knows no such event"), event.stepsDone, false)
    }
    var stepsDone = event.stepsDone
    do {
      for step in Saga.after(kind).steps.dropFirst(stepsDone) {
        extend()
        try step.run(event, makeParties(context(of: event)))
        stepsDone += 1
      }
      return (.relayed, stepsDone, false)
    } catch let failure as CallFailure where failure.status == .invalidArgument {
      return (.dead(reason: failure.message), stepsDone, false)
    } catch let failure as CallFailure where Self.outages.contains(failure.status) {
      return (wait(event, failure.message), stepsDone, true)
    } catch let failure as CallFailure {
      return (retry(event, failure.message), stepsDone, false)
    } catch {
      return (retry(event, Serving.reason(of: error)), stepsDone, false)
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
    guard event.attempt < Self.maximumAttempts,
      event.createdAt.adding(seconds: maximumAgeSeconds) > now
    else { return .dead(reason: reason) }
    var random = SystemRandomNumberGenerator()
    let next = Retries.next(afterAttempts: event.attempt, at: now, random: &random)
    return .postponed(reason: reason, until: next, counts: true)
  }

  /// Has those tried again that were given up: one, or with `nil` all. How many.
  ///
  /// - Throws: `DatabaseError`.
  public func revive(_ number: Int64?) throws -> Int {
    extend()
    return try events.revive(number, at: clock())
  }
}

extension EventRelay.Report {
  fileprivate mutating func add(_ outcome: EventStore.Outcome) {
    switch outcome {
    case .relayed: relayed += 1
    case .postponed(let reason, _, _):
      postponed += 1
      failure = failure ?? reason
    case .dead(let reason):
      dead += 1
      failure = failure ?? reason
    }
  }
}
