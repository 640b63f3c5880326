import Values

/// Makes authorizations and keeps them for a while: a signature for each message would be wasted.
struct PushAuthorizations {
  /// The longest that push services take is 24 hours; clocks may differ.
  private static let lifeSeconds: Int64 = 12 * 3600
  /// How long one is used: what is sent with it must not come too late.
  private static let useSeconds: Int64 = 6 * 3600
  /// Anybody can subscribe with an origin of their own, so they must not pile up.
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
    // A clock that was set back makes it new, too.
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

  /// Makes the next one new: the push service did not like this one.
  mutating func forget(_ origin: String) { made[origin] = nil }
}
