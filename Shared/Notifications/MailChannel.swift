import API
import Mail
import Resilience
import Runtime
import ServiceClient
import Stores
import Validation
import Values

/// E-mail, over one server.
///
/// After five failures in a row of the server as a whole, it is probed by one attempt every half minute
/// (`MAIL_PROBE_SECONDS`). A circuit breaker, whose state all processes of the host share, keeps the others away.
final class MailChannel: Channel {
  let type = NotificationType.email
  let atOnceMilliseconds = 2500
  /// A server may take its time over a message, and one that is not waited for makes it come twice. Source: RFC 5321 §4.5.3.2.6.
  let atLeisureMilliseconds = 120_000
  let hasOneServer = true
  /// The stage and the code.
  let loggedWords = 2

  private let sender: MailSender
  private let from: Mailbox
  private let breaker: CircuitBreaker
  private let backoff: Backoff
  /// The URL before the token by which a reader unsubscribes.
  private let unsubscribeURL: String?
  private let tokens: UnsubscribeTokens
  private let clock: () -> Instant

  /// The channel by the settings `SMTP_URL`, `MAIL_FROM`, `MAIL_TLS`, `MAIL_CA_FILE`, `MAIL_PROBE_SECONDS`,
  /// `PUBLIC_URL`, `JWT_KEYS_FILE` and `BREAKER_DIR`.
  ///
  /// - Throws: `Settings.Invalid`.
  init(_ resources: Resources) throws {
    let settings = resources.settings
    clock = { resources.now }
    from = try settings.mailbox
    sender = try settings.mailSender
    let pauseSeconds = Int64(try settings[.mailProbeSeconds])
    backoff = .constant(seconds: pauseSeconds)
    breaker = CircuitBreaker(
      path: try settings[.breakerFolder].map { "\($0)/mail" },
      pauseMicroseconds: pauseSeconds * 1_000_000
    )
    unsubscribeURL = try settings[.publicURL].map { "\($0)/api/v1/unsubscribe/" }
    tokens = resources.unsubscribeTokens
  }

  /// The URL by which a reader who is one of the users unsubscribes. While the keys cannot be read, mail goes out
  /// without it.
  private func unsubscribeURL(of attempt: NotificationStore.Attempt) -> String? {
    guard let unsubscribeURL, let user = attempt.userID, let token = try? tokens.token(of: user)
    else { return nil }
    return unsubscribeURL + token
  }

  func obstacle(at now: Instant) -> String? {
    breaker.admits(at: now) ? nil : "the mail server does not answer at the moment"
  }

  func send(_ attempt: NotificationStore.Attempt, before deadline: Deadline, for client: Deadline?)
    -> DeliveryResult
  {
    let text = NotificationText(of: attempt, at: clock())
    let recipient: MailAddress
    do {
      recipient = try MailAddress(attempt.recipient)
    } catch {
      return .discarded(reason: "the address \(error)")
    }
    guard !deadline.hasPassed else {
      return .postponed(reason: "there was no time left", atLeastSeconds: 0)
    }
    let message = MailMessage(
      from: from.address,
      fromName: from.name,
      to: recipient,
      subject: attempt.subject,
      text: text.plain,
      html: text.html,
      messageID: "<\(attempt.id)@\(from.domain)>",
      date: attempt.createdAt,
      unsubscribeURL: unsubscribeURL(of: attempt)
    )
    let outcome = sender.send(message, deadline: deadline)
    let now = clock()
    let result = DeliveryResult(outcome, next: backoff.next(at: now))
    // An attempt that had hardly any time has learnt nothing about the server.
    let isHaste = client != nil && result.isUnavailable && deadline.hasPassed
    if !isHaste { breaker.record(success: !result.isUnavailable, at: now) }
    return result
  }
}

extension DeliveryResult {
  /// The meaning of an outcome where there is one recipient. `next` is when to try again when the server is away.
  fileprivate init(_ outcome: DeliveryOutcome, next: Instant) {
    self =
      switch outcome {
      case .delivered: .delivered()
      case .postponed(let reason, let seconds):
        .postponed(reason: reason, atLeastSeconds: seconds ?? 0)
      case .refused(let reason), .gone(let reason): .discarded(reason: reason)
      case .unreachable(let reason): .unavailable(reason: reason, next: next)
      }
  }
}
