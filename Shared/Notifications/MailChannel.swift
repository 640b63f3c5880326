import API
import Mail
import Resilience
import Runtime
import ServiceClient
import Stores
import Validation
import Values

/// E-mail, by one server.
///
/// After five failures in a row of the server as a whole, nobody asks it but for one attempt every half minute
/// (`MAIL_PROBE_SECONDS`): a circuit breaker, whose state all processes of the host share, keeps the others away.
final class MailChannel: Channel {
  let type = NotificationType.email
  let atOnceMilliseconds = 2500
  /// A server may take its time over a message: who leaves earlier makes it come twice. Source: RFC 5321 §4.5.3.2.6.
  let atLeisureMilliseconds = 120_000
  let hasOneServer = true
  /// The stage and the code.
  let loggedWords = 2

  private let sender: MailSender
  private let from: Mailbox
  private let breaker: CircuitBreaker
  private let pauseSeconds: Int64
  /// Before the token by which a reader switches the mail off.
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
    from = try Mailbox(settings)
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
    pauseSeconds = Int64(try settings.integer("MAIL_PROBE_SECONDS", default: 30, in: 1...3600))
    breaker = CircuitBreaker(
      path: settings.text("BREAKER_DIR").map { "\($0)/mail" },
      pauseMicroseconds: pauseSeconds * 1_000_000
    )
    unsubscribeURL = try settings.publicURL.map { "\($0)/api/v1/unsubscribe/" }
    tokens = resources.unsubscribeTokens
  }

  /// Where a reader who is one of the users ends such mails. While the keys cannot be read, mail goes out without it.
  private func unsubscribeURL(of attempt: NotificationStore.Attempt) -> String? {
    guard let unsubscribeURL, let user = attempt.userID, let token = try? tokens.token(of: user)
    else { return nil }
    return unsubscribeURL + token
  }

  func obstacle(at now: Instant) -> String? {
    breaker.admits(at: now) ? nil : "the mail server does not answer at the moment"
  }

  func send(_ attempt: NotificationStore.Attempt, before deadline: Deadline, for client: Deadline?)
    -> Fate
  {
    let text = Text(of: attempt, at: clock())
    let recipient: MailAddress
    do {
      recipient = try MailAddress(attempt.recipient)
    } catch {
      return .givenUp(reason: "the address \(error)")
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
    let fate = Fate(outcome, next: now.adding(seconds: pauseSeconds))
    let isReachable = if case .unattended = fate { false } else { true }
    // Who had hardly any time has learnt nothing about the server.
    let isHaste = client != nil && !isReachable && deadline.hasPassed
    if !isHaste { breaker.record(success: isReachable, at: now) }
    return fate
  }
}

extension Fate {
  /// What an outcome means where there is one recipient; `next` is when to try again when nobody is there.
  fileprivate init(_ outcome: DeliveryOutcome, next: Instant) {
    self =
      switch outcome {
      case .delivered: .sent()
      case .postponed(let reason, let seconds):
        .postponed(reason: reason, atLeastSeconds: seconds ?? 0)
      case .refused(let reason), .gone(let reason): .givenUp(reason: reason)
      case .unreachable(let reason): .unattended(reason: reason, next: next)
      }
  }
}
