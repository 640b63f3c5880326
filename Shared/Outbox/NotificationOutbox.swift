import API
import Delivery
public import Endpoint
import JSON
import Rules
import ServiceClient
public import Serving
public import Stores
import Telemetry
public import Values

/// Sends notifications by their channel, and records what has become of each.
///
/// After five failures in a row of the mail server as a whole, nobody asks it but for one attempt every half minute: a
/// circuit breaker, whose state all processes of the host share, keeps the others away.
public final class NotificationOutbox {
  /// What a run has done.
  public struct Report: Equatable, Sendable {
    /// Taken over by the recipient's server.
    public var sent = 0
    /// To be tried again.
    public var postponed = 0
    /// Given up.
    public var dead = 0
    /// Why it was not all done; `nil` when it was.
    public var failure: String?

    /// Nothing yet.
    public init() {}

    /// Both together.
    public static func + (left: Report, right: Report) -> Report {
      var sum = Report()
      sum.sent = left.sent + right.sent
      sum.postponed = left.postponed + right.postponed
      sum.dead = left.dead + right.dead
      sum.failure = left.failure ?? right.failure
      return sum
    }
  }

  private static let takenAtOnce = 20
  private static let probePauseMicroseconds: Int64 = 30_000_000
  private static let unreachableSeconds: Int64 = 30
  private static let atOnceMilliseconds = 2500
  /// A server may take its time over a message: who leaves earlier makes it come twice. Source: RFC 5321 §4.5.3.2.6.
  private static let atLeisureMilliseconds = 120_000
  private static let databaseMilliseconds = 10_000
  private static let idleMicroseconds: UInt32 = 1_000_000

  private let resources: Resources
  private let notifications: NotificationStore
  private let sender: MailSender
  private let from: Mailbox
  private let breaker: CircuitBreaker
  private let holdSeconds: Int
  private let maximumAttempts: Int
  private let maximumAgeSeconds: Int

  /// An outbox by the settings `SMTP_URL`, `MAIL_FROM`, `MAIL_TLS`, `MAIL_CA_FILE`, `BREAKER_DIR`, `HOLD_SECONDS`,
  /// `DELIVERY_MAX_ATTEMPTS` and `DELIVERY_MAX_AGE_SECONDS`.
  ///
  /// - Throws: `Settings.Invalid`.
  public init(_ resources: Resources) throws {
    let settings = resources.settings
    self.resources = resources
    notifications = resources.notifications
    from = try Mailbox(
      settings.text("MAIL_FROM") ?? "Task Management <tasks@localhost.localdomain>"
    )
    do {
      sender = try MailSender(
        url: try settings.required("SMTP_URL"),
        requiresTLS: try settings.choice("MAIL_TLS", ["optional", "required"], default: "optional")
          == "required",
        caFile: settings.text("MAIL_CA_FILE")
      )
    } catch let failure as MailFailure {
      throw Settings.Invalid(message: "SMTP_URL \(failure.reason)")
    }
    breaker = CircuitBreaker(
      path: settings.text("BREAKER_DIR").map { "\($0)/mail" },
      pauseMicroseconds: Self.probePauseMicroseconds
    )
    holdSeconds = try settings.holdSeconds
    maximumAttempts = try settings.integer("DELIVERY_MAX_ATTEMPTS", default: 200, in: 1...1000)
    maximumAgeSeconds = try settings.integer(
      "DELIVERY_MAX_AGE_SECONDS",
      default: 604_800,
      in: 60...31_536_000
    )
  }

  /// Until when somebody who takes a notification now may hold it.
  public func heldUntil(from now: Instant) -> Instant { now.adding(seconds: Int64(holdSeconds)) }

  /// Tries one for a client that waits for the answer: briefly, and not at all while the mail server is known to be down.
  ///
  /// - Throws: `DatabaseError` when what has become of it could not be recorded; it is tried again then.
  public func tryAtOnce(_ attempt: NotificationStore.Attempt, in context: Context) throws {
    guard breaker.admits(at: context.now) else {
      let next = context.now.adding(seconds: Self.unreachableSeconds)
      let reason = "the mail server does not answer at the moment"
      return try notifications.recordFailure(attempt, reason: reason, next: next, counts: false)
    }
    let deadline = min(context.deadline, Deadline(millisecondsFromNow: Self.atOnceMilliseconds))
    var report = Report()
    _ = try send(attempt, before: deadline, isHasty: true, &report)
  }

  /// Sends what is due and, unless `drains`, what becomes due, until `isOver` says so. While the database is away it waits
  /// for it; what was taken is free again when its time is over.
  public func deliver(
    drains: Bool,
    isOver: () -> Bool,
    sleep: (_ microseconds: UInt32) -> Void
  ) -> Report {
    var report = Report()
    while !isOver() {
      do {
        if try sendSome(isOver: isOver, &report) { continue }
      } catch {
        report.failure = Serving.reason(of: error)
      }
      if drains { break }
      sleep(Self.idleMicroseconds)
    }
    return report
  }

  /// Sends some of what is due; whether there was anything that could be sent.
  private func sendSome(isOver: () -> Bool, _ report: inout Report) throws -> Bool {
    allowDatabase()
    let now = resources.now
    // Who is admitted while the circuit is open is the one who tries, so there must be something to try.
    guard try notifications.isAnyDue(at: now), breaker.admits(at: now) else { return false }
    let held = Deadline(millisecondsFromNow: holdSeconds * 300)
    let taken = try notifications.take(
      Self.takenAtOnce,
      at: now,
      heldUntil: heldUntil(from: now)
    )
    try send(taken, until: { held.hasPassed || isOver() }, &report)
    return !taken.isEmpty
  }

  /// Sends some, one after the other; what is not begun in time, and what nobody is there to take, is given back.
  private func send(
    _ taken: [NotificationStore.Attempt],
    until isOver: () -> Bool,
    _ report: inout Report
  ) throws {
    var rest = taken[...]
    var isReachable = true
    while isReachable, !isOver(), let attempt = rest.popFirst() {
      let milliseconds = min(Self.atLeisureMilliseconds, holdSeconds * 300)
      let deadline = Deadline(millisecondsFromNow: milliseconds)
      isReachable = try send(attempt, before: deadline, &report)
    }
    allowDatabase()
    // At once, before the one that nobody took: should that be the only one so, the others pass it.
    try notifications.release(Array(rest), until: resources.now)
  }

  /// Sends one and records what has become of it. Whether the mail server works.
  private func send(
    _ attempt: NotificationStore.Attempt,
    before deadline: Deadline,
    isHasty: Bool = false,
    _ report: inout Report
  ) throws -> Bool {
    let (outcome, wasAsked) = deliver(attempt, before: deadline)
    let now = resources.now
    // Who waits for an answer has a deadline for all of it.
    if !isHasty { allowDatabase() }
    switch outcome {
    case .delivered:
      try notifications.recordSent(attempt, at: now)
      report.sent += 1
    case .postponed(let reason, let seconds):
      try retry(attempt, reason, atLeastSeconds: seconds ?? 0, at: now, &report)
    case .refused(let reason), .gone(let reason):
      try notifications.recordFailure(attempt, reason: reason, next: nil, counts: true)
      report.dead += 1
    case .unreachable(let reason):
      try unreachable(attempt, reason, at: now, &report)
    }
    let isReachable = if case .unreachable = outcome { false } else { true }
    // Who had hardly any time has learnt nothing about the server.
    let isHaste = isHasty && !isReachable && deadline.hasPassed
    if wasAsked, !isHaste { breaker.record(success: isReachable, at: now) }
    if let reason = outcome.reason { log(attempt, reason, isReachable: isReachable, at: now) }
    return isReachable
  }

  /// What becomes of one, and whether the server was asked at all.
  private func deliver(
    _ attempt: NotificationStore.Attempt,
    before deadline: Deadline
  ) -> (outcome: Outcome, wasAsked: Bool) {
    guard attempt.type == .email else {
      let reason = "there is no way yet to send a \(attempt.type.name) notification"
      return (.refused(reason: reason), false)
    }
    do {
      let text = Text(of: attempt, at: resources.now)
      let message = MailMessage(
        from: from.address,
        fromName: from.name,
        to: try MailAddress(attempt.recipient),
        subject: attempt.subject,
        text: text.plain,
        html: text.html,
        messageID: "<\(attempt.id)@\(from.domain)>",
        date: attempt.createdAt
      )
      guard !deadline.hasPassed else {
        return (.postponed(reason: "there was no time left", afterSeconds: nil), false)
      }
      return (sender.send(message, deadline: deadline), true)
    } catch {
      return (.refused(reason: "the address \(error)"), false)
    }
  }

  private func retry(
    _ attempt: NotificationStore.Attempt,
    _ reason: String,
    atLeastSeconds: Int,
    at now: Instant,
    _ report: inout Report
  ) throws {
    var random = SystemRandomNumberGenerator()
    let isOver = attempt.number >= maximumAttempts || isTooOld(attempt, at: now)
    let next = Retries.next(
      afterAttempts: attempt.number,
      at: now,
      atLeastSeconds: atLeastSeconds,
      random: &random
    )
    try notifications.recordFailure(
      attempt,
      reason: reason,
      next: isOver ? nil : next,
      counts: true
    )
    if isOver { report.dead += 1 } else { report.postponed += 1 }
  }

  /// That nobody was there is no attempt; only age ends it.
  private func unreachable(
    _ attempt: NotificationStore.Attempt,
    _ reason: String,
    at now: Instant,
    _ report: inout Report
  ) throws {
    let isOver = isTooOld(attempt, at: now)
    let next = isOver ? nil : now.adding(seconds: Self.unreachableSeconds)
    try notifications.recordFailure(attempt, reason: reason, next: next, counts: isOver)
    if isOver { report.dead += 1 } else { report.postponed += 1 }
  }

  private func isTooOld(_ attempt: NotificationStore.Attempt, at now: Instant) -> Bool {
    attempt.createdAt.adding(seconds: Int64(maximumAgeSeconds)) < now
  }

  private func allowDatabase() {
    resources.allowDatabase(milliseconds: Self.databaseMilliseconds)
  }

  /// What a server says of a message may name the recipient, and stays out of the log: the stage and the code are there,
  /// the rest is in the notification.
  private func log(
    _ attempt: NotificationStore.Attempt,
    _ reason: String,
    isReachable: Bool,
    at now: Instant
  ) {
    let words = reason.split(separator: " ")
    resources.log.write(.warning, at: now) { line in
      line.member("notification_id", attempt.id)
      line.member("attempt", attempt.number)
      line.member("message", isReachable ? words.prefix(2).joined(separator: " ") : reason)
    }
  }

  /// Has those tried again that were given up: one, or with `nil` all that are not too old. How many.
  ///
  /// - Throws: `DatabaseError`.
  public func revive(_ id: ID?) throws -> Int {
    allowDatabase()
    return try notifications.revive(id, at: resources.now, maximumAgeSeconds: maximumAgeSeconds)
  }
}

extension Outcome {
  /// Why it came to nothing.
  fileprivate var reason: String? {
    switch self {
    case .delivered: nil
    case .postponed(let reason, _), .refused(let reason), .gone(let reason),
      .unreachable(let reason):
      reason
    }
  }
}
