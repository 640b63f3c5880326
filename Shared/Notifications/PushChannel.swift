import API
import Endpoint
import Mail
import Resilience
import Runtime
import Stores
import Values
import WebPush

/// Push messages, to each of the user's browsers over the push service that it is subscribed at.
///
/// The browsers are served one after the other, and the result of each is recorded at once: a process that is killed
/// makes at most one browser get a message twice. A push service that could not be reached is left alone for a while, by
/// all processes.
final class PushChannel: Channel {
  /// Hands a message to a push service.
  typealias Send = (_ message: Message, _ deadline: Deadline) -> DeliveryOutcome

  /// A message for one browser.
  struct Message {
    let payload: [UInt8]
    let subscription: PushSubscription
    let ttlSeconds: Int
    let urgency: PushSender.Urgency
    let topic: String
    let now: Instant
  }

  let type = NotificationType.push
  let atOnceMilliseconds = 2500
  let atLeisureMilliseconds = 10_000
  let hasOneServer = false
  /// The push service and the status.
  let loggedWords = 3

  /// For one browser, in milliseconds.
  private static let askingMilliseconds = 5000
  /// An attempt that gave a push service less time has learnt nothing about it: one for which a client waits, and any.
  private static let fairMilliseconds: (hasty: Int32, least: Int32) = (2000, 1000)
  /// A user whose push services are slower than this waits, so that others need not.
  private static let slowMilliseconds = 3000
  private static let usualLifeSeconds: Int64 = 86_400
  private static let shortestLifeSeconds: Int64 = 3600
  /// Some push services take no more: four weeks.
  private static let longestLifeSeconds: Int64 = 2_419_200

  private let resources: Resources
  private let pushes: Timed<PushStore>
  private let allowsPrivate: Bool
  private let post: Send

  /// The channel by the settings `VAPID_KEY_FILE`, `VAPID_SUBJECT`, `MAIL_FROM`, `PUSH_CA_FILE` and `PUSH_PRIVATE_ADDRESSES`.
  ///
  /// - Throws: `Settings.Invalid`.
  convenience init(_ resources: Resources) throws {
    let settings = resources.settings
    let sender = PushSender(
      key: try settings.vapidKey,
      subject: try settings.vapidContact,
      allowsPrivateAddresses: try settings[.allowsPrivatePushServices],
      caFile: try settings[.pushCertificates]
    )
    try self.init(resources) { message, deadline in
      sender.send(
        message.payload,
        to: message.subscription,
        ttlSeconds: message.ttlSeconds,
        urgency: message.urgency,
        topic: message.topic,
        now: message.now,
        deadline: deadline
      )
    }
  }

  /// A channel that hands over its messages in some way.
  ///
  /// - Throws: `Settings.Invalid`.
  init(_ resources: Resources, post: @escaping Send) throws {
    self.resources = resources
    pushes = resources.pushes
    allowsPrivate = try resources.settings[.allowsPrivatePushServices]
    self.post = post
  }

  /// Some push service may always work.
  func obstacle(at now: Instant) -> String? { nil }

  func send(_ attempt: NotificationStore.Attempt, before deadline: Deadline, for client: Deadline?)
    throws
    -> DeliveryResult
  {
    let isHasty = client != nil
    let start = resources.now
    let progress = try pushes(for: client).progress(of: attempt, at: start)
    var round = Round(hasArrived: progress.hasArrived)
    // Nearly all of the time that the first browser has.
    let whole = min(Int32(Self.askingMilliseconds), deadline.millisecondsLeft)
    let fair =
      isHasty ? Self.fairMilliseconds.hasty : max(Self.fairMilliseconds.least, whole * 9 / 10)
    for (place, recipient) in progress.recipients.enumerated() {
      guard !deadline.hasPassed else {
        // The next attempt goes on here.
        let now = resources.now
        round.leave(
          "there was no time left",
          until: isHasty ? now : Backoff.unavailable.next(at: now)
        )
        break
      }
      if place > 0 {
        try pushes(for: client).confirm(attempt)
        // While another browser was served, this one may have changed hands.
        guard try pushes(for: client).isStill(recipient, of: attempt) else { continue }
      }
      try serve(recipient, attempt, before: deadline, fair: fair, for: client, &round)
    }
    let now = resources.now
    if !isHasty, now.microseconds - start.microseconds > Int64(Self.slowMilliseconds) * 1000 {
      try pushes(for: client).postponeOthers(
        of: attempt,
        dueBy: now,
        until: Backoff.slowRecipient.next(at: now)
      )
    }
    return round.result
  }

  private func serve(
    _ recipient: PushStore.Recipient,
    _ attempt: NotificationStore.Attempt,
    before deadline: Deadline,
    fair: Int32,
    for client: Deadline?,
    _ round: inout Round
  ) throws {
    let service = recipient.service
    let patience = min(deadline, Deadline(millisecondsFromNow: Self.askingMilliseconds))
    let isFair = patience.millisecondsLeft >= fair
    if let retryAt = try pause(of: service, round, mayProbe: isFair, for: client) {
      return round.leave("\(service.origin): does not answer at the moment", until: retryAt)
    }
    let outcome = try ask(recipient, attempt, before: patience)
    if case .unreachable(let reason) = outcome {
      let now = resources.now
      guard isFair || !patience.hasPassed else { return round.leave(reason, until: now) }
      let retryAt = try pushes(for: client).recordUnreachable(service, at: now)
      round.isAway[service.origin] = retryAt
      return round.leave("\(service.origin): \(reason)", until: retryAt)
    }
    if service.failures > 0 { try pushes(for: client).recordReachable(service) }
    try record(outcome, of: recipient, attempt, for: client, &round)
  }

  /// The time until which a push service is left alone; `nil` when it may be asked. One that was away is probed only by
  /// an attempt that has time.
  private func pause(
    of service: PushStore.Service,
    _ round: Round,
    mayProbe: Bool,
    for client: Deadline?
  ) throws -> Instant? {
    if let retryAt = round.isAway[service.origin] { return retryAt }
    guard let retryAt = service.retryAt, !round.isBack.contains(service.origin) else { return nil }
    let now = resources.now
    if retryAt <= now {
      guard mayProbe else { return now }
      if try pushes(for: client).mayAskAgain(service, at: now) { return nil }
    }
    return max(retryAt, Backoff.unavailable.next(at: now))
  }

  private func ask(
    _ recipient: PushStore.Recipient,
    _ attempt: NotificationStore.Attempt,
    before deadline: Deadline
  ) throws -> DeliveryOutcome {
    let subscription: PushSubscription
    do {
      subscription = try PushSubscription(
        endpoint: recipient.endpoint,
        p256dh: recipient.p256dh,
        auth: recipient.auth,
        allowsPrivate: allowsPrivate
      )
    } catch let malformed as PushSubscription.Malformed {
      // Only valid subscriptions are stored, so it is the setting that has changed.
      let reasons = malformed.violations.map { "\($0.field) \($0.reason)" }
      return .refused(reason: reasons.joined(separator: ", "))
    }
    return post(message(attempt, for: subscription), deadline)
  }

  private func message(
    _ attempt: NotificationStore.Attempt,
    for subscription: PushSubscription
  ) -> Message {
    let now = resources.now
    let life = attempt.dueDate.map { dueDate in
      min(max(dueDate.seconds - now.seconds, Self.shortestLifeSeconds), Self.longestLifeSeconds)
    }
    return Message(
      payload: PushPayload.bytes(
        id: attempt.id.text,
        title: attempt.subject,
        body: NotificationText(of: attempt, at: now).plain,
        maximum: PushEncryption.maximumPayloadBytes
      ),
      subscription: subscription,
      ttlSeconds: Int(life ?? Self.usualLifeSeconds),
      urgency: attempt.dueDate == nil ? .normal : .high,
      topic: attempt.id.text.filter { $0 != "-" },
      now: now
    )
  }

  private func record(
    _ outcome: DeliveryOutcome,
    of recipient: PushStore.Recipient,
    _ attempt: NotificationStore.Attempt,
    for client: Deadline?,
    _ round: inout Round
  ) throws {
    let pushes = pushes(for: client)
    let origin = recipient.service.origin
    round.isBack.insert(origin)
    switch outcome {
    case .delivered:
      round.hasArrived = true
      try pushes.recordDone(attempt, recipient, hasArrived: true)
    case .gone(let reason):
      round.refusal = "\(origin): \(reason)"
      try pushes.recordDone(attempt, recipient, hasArrived: false)
      try pushes.remove(recipient)
    case .refused(let reason):
      round.refusal = "\(origin): \(reason)"
      try pushes.recordDone(attempt, recipient, hasArrived: false)
    case .postponed(let reason, let seconds):
      round.postpone("\(origin): \(reason)", atLeastSeconds: seconds ?? 0)
    case .unreachable: break
    }
  }

  /// A client that waits has one deadline for everything.
  private func pushes(for client: Deadline?) -> PushStore {
    pushes(by: client ?? NotificationOutbox.soon)
  }
}
