// Every fixed pause and limit that follows a failure, in one place. The only pause that operators set,
// `MAIL_PROBE_SECONDS`, comes from the settings; a circuit breaker's own values are in `CircuitBreaker`.

extension Backoff {
  /// Before a notification that a server has postponed, or an event of which a step failed, is tried again: from half
  /// a minute up to an hour.
  public static let delivery = Backoff(firstSeconds: 30, longestSeconds: 3600, jitter: .half)

  /// Before a push service that could not be reached is asked again: from half a minute up to eight. One process asks
  /// it then, so nothing is drawn at random.
  public static let pushService = Backoff(firstSeconds: 30, longestSeconds: 480, jitter: .none)

  /// Before what nobody was there to take is tried again: a notification while its server is known to be away, a
  /// reminder that could not be handed over.
  public static let unavailable = constant(seconds: 30)

  /// Before the other messages to a user whose push services are slow are tried, so that they hold up nobody else.
  public static let slowRecipient = constant(seconds: 60)

  /// Before a step of an event is tried again whose service does not work. Others wait for what it does, so the pause
  /// is short.
  public static let serviceOutage = constant(seconds: 5)

  /// Between the attempts of one call of another service, within its deadline.
  static let call = Backoff(
    firstMicroseconds: 20_000,
    longestMicroseconds: 40_000,
    jitter: .full
  )

  /// Before a call that the gateway's rate limit refused is made again: there is room a moment later.
  static let rateLimit = Backoff(
    firstMicroseconds: 100_000,
    longestMicroseconds: 100_000,
    jitter: .none
  )
}

extension Retry {
  /// One call of another service.
  public static let call = Retry(maximumAttempts: 3, backoff: .call)

  /// A call for which nobody waits, while the gateway's rate limit refuses it.
  public static let rateLimit = Retry(maximumAttempts: 21, backoff: .rateLimit)
}

extension FailureStreak {
  /// Reminders in a row that could not be handed over, after which a run ends.
  public static let handovers = FailureStreak(limit: 5)

  /// Steps in a row that a service did not answer, after which it is not asked for the rest of a batch.
  public static let serviceOutages = FailureStreak(limit: 3)
}
