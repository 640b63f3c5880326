import API
public import Endpoint
import JSON
public import Queue
import Resilience
public import Runtime
public import Stores
import Telemetry
import Validation
public import Values

/// Sends the notifications of one channel, and records the result of each attempt.
///
/// Each channel has an outbox of its own: what holds up one holds up no other.
public final class NotificationOutbox {
  /// The end of the wait for a statement that begins now, when no client waits for the answer.
  static var soon: Deadline { Deadline(millisecondsFromNow: 10_000) }

  let resources: Resources
  let notifications: Timed<NotificationStore>
  let channel: any Channel
  let lease: Lease
  private let maximumAttempts: Int
  private let maximumAgeSeconds: Int

  /// E-mail, by the settings `SMTP_URL`, `MAIL_FROM`, `MAIL_TLS`, `MAIL_CA_FILE`, `BREAKER_DIR` and those of every outbox.
  ///
  /// - Throws: `Settings.Invalid`.
  public static func mail(_ resources: Resources) throws -> NotificationOutbox {
    try NotificationOutbox(resources, MailChannel(resources))
  }

  /// Push messages, by the settings `VAPID_KEY_FILE`, `VAPID_SUBJECT`, `MAIL_FROM`, `PUSH_CA_FILE`,
  /// `PUSH_PRIVATE_ADDRESSES` and those of every outbox.
  ///
  /// - Throws: `Settings.Invalid`.
  public static func push(_ resources: Resources) throws -> NotificationOutbox {
    try NotificationOutbox(resources, PushChannel(resources))
  }

  /// An outbox by the settings of every outbox: `HOLD_SECONDS`, `DELIVERY_MAX_ATTEMPTS` and `DELIVERY_MAX_AGE_SECONDS`.
  ///
  /// - Throws: `Settings.Invalid`.
  init(_ resources: Resources, _ channel: any Channel) throws {
    let settings = resources.settings
    self.resources = resources
    self.channel = channel
    notifications = resources.notifications
    lease = Lease(seconds: try settings[.holdSeconds])
    maximumAttempts = try settings[.deliveryMaximumAttempts]
    maximumAgeSeconds = try settings[.deliveryMaximumAgeSeconds]
  }

  /// When the lease of a notification ends that is claimed now.
  public func leaseEnd(from now: Instant) -> Instant { lease.end(from: now) }

  /// Tries one for a client that waits for the answer: briefly, and not at all while it is known that no server is there.
  ///
  /// - Throws: `DatabaseError` when the result could not be recorded; it is tried again then.
  public func tryAtOnce(_ attempt: NotificationStore.Attempt, in context: Context) throws {
    if let obstacle = channel.obstacle(at: context.now) {
      let next = Backoff.unavailable.next(at: context.now)
      let outcome = QueueOutcome.retry(reason: obstacle, at: next, isAttempt: false)
      return try record(outcome, of: attempt, by: context.deadline)
    }
    let patience = Deadline(millisecondsFromNow: channel.atOnceMilliseconds)
    let client = context.deadline
    let result = try send(attempt, before: min(client, patience), for: client)
    try record(outcome(of: result, attempt), of: attempt, by: client)
  }

  /// Sends what is due and, unless it `drains`, what becomes due, until `isOver` says so. It waits for a database that is
  /// away.
  public func deliver(
    drains: Bool,
    isOver: () -> Bool,
    sleep: (_ microseconds: UInt32) -> Void
  ) -> QueueReport {
    QueueWorker(DeliveryConsumer(self)).run(drains: drains, isOver: isOver, sleep: sleep)
  }

  /// Has discarded notifications tried again: one, or with `nil` all that are not too old.
  ///
  /// - Returns: how many.
  /// - Throws: `DatabaseError`.
  public func retryDiscarded(_ id: ID?) throws -> Int {
    try notifications(by: Self.soon)
      .retry(id, at: resources.now, maximumAgeSeconds: maximumAgeSeconds)
  }
}

// MARK: One attempt

extension NotificationOutbox {
  func send(_ attempt: NotificationStore.Attempt, before deadline: Deadline, for client: Deadline?)
    throws
    -> DeliveryResult
  {
    let result = try channel.send(attempt, before: deadline, for: client)
    if let reason = result.reason { log(attempt, reason, result) }
    return result
  }

  /// The meaning of a result for the notification: when it is tried again, unless it has been for long enough.
  func outcome(of result: DeliveryResult, _ attempt: NotificationStore.Attempt) -> QueueOutcome {
    let now = resources.now
    let isTooOld = attempt.createdAt.adding(seconds: Int64(maximumAgeSeconds)) < now
    switch result {
    case .delivered(let remark): return .completed(remark: remark)
    case .discarded(let reason): return .discarded(reason: reason)
    case .postponed(let reason, let seconds, let hasArrived):
      guard attempt.number < maximumAttempts, !isTooOld else {
        return lastOutcome(reason, hasArrived)
      }
      let next = Backoff.delivery.next(
        afterAttempts: attempt.number,
        at: now,
        atLeastSeconds: seconds
      )
      return .retry(reason: reason, at: next, isAttempt: true)
    case .unavailable(let reason, let next, let hasArrived):
      // It is no attempt when no server was there, so only age ends it.
      guard !isTooOld else { return lastOutcome(reason, hasArrived) }
      return .retry(reason: reason, at: next, isAttempt: false)
    }
  }

  /// The outcome for a notification that has been tried for long enough.
  private func lastOutcome(_ reason: String, _ hasArrived: Bool) -> QueueOutcome {
    hasArrived ? .completed(remark: reason) : .discarded(reason: reason)
  }

  func record(_ outcome: QueueOutcome, of attempt: NotificationStore.Attempt, by deadline: Deadline)
    throws
  {
    let notifications = notifications(by: deadline)
    switch outcome {
    case .completed(let remark):
      try notifications.recordSent(attempt, remark: remark, at: resources.now)
    case .discarded(let reason):
      try notifications.recordFailure(attempt, reason: reason, next: nil, counts: true)
    case .retry(let reason, let next, let isAttempt):
      try notifications.recordFailure(attempt, reason: reason, next: next, counts: isAttempt)
    case .resume(let reason, let next):
      try notifications.recordFailure(attempt, reason: reason, next: next, counts: false)
    }
  }

  /// A server's words about a message may name the recipient, and stay out of the log; the notification has them.
  private func log(
    _ attempt: NotificationStore.Attempt,
    _ reason: String,
    _ result: DeliveryResult
  ) {
    let words = reason.split(separator: " ").prefix(channel.loggedWords)
    resources.log.write(.warning, at: resources.now) { line in
      line.member("notification_id", attempt.id.text)
      line.member("attempt", attempt.number)
      line.member("message", result.isUnavailable ? reason : words.joined(separator: " "))
    }
  }
}
