public import API
import Endpoint
public import Values

/// A browser's subscription. An invalid one cannot exist.
public struct PushSubscriptionDraft: Sendable {
  /// The findings of `WebPush` about an endpoint and its keys: the push service, and the faults.
  public typealias Service = (origin: String, violations: [(field: String, reason: String)])

  /// The URL that receives its messages.
  public let endpoint: String
  /// The push service, such as `https://fcm.googleapis.com`.
  public let origin: String
  /// The browser's public key, in base64url.
  public let p256dh: String
  /// The secret that goes with it, in base64url.
  public let auth: String
  /// The time when it ends, if the browser knows.
  public let expiresAt: Instant?

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public init(_ request: RegisterPushSubscriptionRequest, service: Service, at now: Instant) throws
  {
    var violations = Violations()
    endpoint = request.endpoint
    p256dh = request.keys.p256Dh
    auth = request.keys.auth
    origin = service.origin
    if !request.hasKeys { violations.add("keys", "is required") }
    for (field, reason) in service.violations where request.hasKeys || !field.hasPrefix("keys.") {
      violations.add(field, reason)
    }
    expiresAt = request.hasExpirationTime ? violations.expiry(request.expirationTime, now) : nil
    try violations.check()
  }
}

extension Violations {
  fileprivate mutating func expiry(_ milliseconds: Int64, _ now: Instant) -> Instant {
    let range = Bounds.RegisterPushSubscriptionRequest.expirationTime
    guard range.contains(Int(milliseconds)) else {
      add("expirationTime", "must be from \(range.lowerBound) to \(range.upperBound)")
      return now
    }
    let instant = Instant(microseconds: milliseconds * 1000)
    if instant <= now { add("expirationTime", "has passed already") }
    return instant
  }
}
