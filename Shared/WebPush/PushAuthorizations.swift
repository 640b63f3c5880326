import Values

/// Makes authorizations and keeps them for a while, to save a signature for each message.
struct PushAuthorizations {
  /// The lifetime of one. Push services accept at most 24 hours, and clocks may differ.
  private static let lifeSeconds: Int64 = 12 * 3600
  /// The time for which one is used, short enough that it has not expired when the message arrives.
  private static let useSeconds: Int64 = 6 * 3600
  /// The most origins. Anybody can subscribe with an origin of their own, so they must not pile up.
  private static let maximumOrigins = 64

  private let key: VAPIDKey
  private let subject: String
  private var made: [String: (header: String, at: Instant)] = [:]

  init(key: VAPIDKey, subject: String) {
    self.key = key
    self.subject = subject
  }

  /// The value of the header `Authorization` for a push service.
  ///
  /// - Throws: `PushFailure`.
  mutating func header(for origin: String, at now: Instant) throws -> String {
    // It is also renewed after the clock was set back.
    if let known = made[origin], (known.at...known.at.adding(seconds: Self.useSeconds)) ~= now {
      return known.header
    }
    let header = try key.authorization(
      audience: origin,
      subject: subject,
      expiry: now.adding(seconds: Self.lifeSeconds)
    )
    if made.count >= Self.maximumOrigins { made.removeAll() }
    made[origin] = (header, now)
    return header
  }

  /// Forgets an authorization that a push service refused, so that the next one is new.
  mutating func forget(_ origin: String) { made[origin] = nil }
}
