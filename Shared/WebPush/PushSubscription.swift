private import Values

/// The place where a browser receives push messages, and the keys to encrypt them with. Source: W3C Push API §8, RFC
/// 8291 §2.
public struct PushSubscription: Hashable, Sendable {
  /// A fault of one field.
  public struct Violation: Equatable, Sendable {
    /// The name that the browser gives it: `endpoint`, `keys.p256dh` or `keys.auth`.
    public let field: String
    /// A phrase that can follow the name: "must be an https URL".
    public let reason: String
  }

  /// The reasons why texts are not a subscription: every wrong field, once.
  public struct Malformed: Error, Equatable {
    /// The faults in the order of the fields, at least one.
    public let violations: [Violation]
  }

  /// The length of `auth` in bytes.
  public static let authLength = 16

  /// An `https` URL of at most 2,048 characters. It is a secret: whoever knows it can send to the browser.
  public let endpoint: String

  /// The public key of the browser, 65 bytes: an uncompressed point on P-256.
  public let p256dh: [UInt8]

  /// A secret that the browser shares with us, 16 bytes.
  public let auth: [UInt8]

  /// The push service, such as `https://fcm.googleapis.com`: scheme, host and unusual port of the endpoint.
  public let origin: String

  /// Reads a browser's subscription: `endpoint`, and from `keys` the texts `p256dh` and `auth` in base64url.
  ///
  /// Unless `allowsPrivate`, an endpoint whose host is `localhost`, ends in `.local` or is a private address in
  /// any spelling is refused. Other names that lead to private addresses are refused by `PushSender`.
  /// - Throws: `Malformed`.
  public init(endpoint: String, p256dh: String, auth: String, allowsPrivate: Bool = false) throws {
    var violations: [Violation] = []
    var origin = ""
    do {
      origin = try PushEndpoint(endpoint, allowsPrivate: allowsPrivate).origin
    } catch let malformed as PushEndpoint.Malformed {
      violations.append(Violation(field: "endpoint", reason: malformed.reason))
    }
    let point = Self.decode(p256dh)
    if !(point.map(PushKeyPair.isPublicKey) ?? false) {
      violations.append(
        Violation(
          field: "keys.p256dh",
          reason: "must be an uncompressed point on P-256 (65 bytes) in base64url"
        )
      )
    }
    let secret = Self.decode(auth)
    if secret?.count != Self.authLength {
      violations.append(
        Violation(field: "keys.auth", reason: "must be \(Self.authLength) bytes in base64url")
      )
    }
    guard violations.isEmpty, let point, let secret else { throw Malformed(violations: violations) }
    self.endpoint = endpoint
    self.p256dh = point
    self.auth = secret
    self.origin = origin
  }

  /// Checks as `init(endpoint:p256dh:auth:allowsPrivate:)` does, for a caller that collects violations.
  ///
  /// - Returns: the push service, which is empty if anything is wrong, and each wrong field.
  public static func check(endpoint: String, p256dh: String, auth: String, allowsPrivate: Bool) -> (
    origin: String, violations: [(field: String, reason: String)]
  ) {
    do {
      let subscription = try Self(
        endpoint: endpoint,
        p256dh: p256dh,
        auth: auth,
        allowsPrivate: allowsPrivate
      )
      return (subscription.origin, [])
    } catch {
      // The initializer throws nothing else.
      let found = (error as? Malformed)?.violations ?? []
      return ("", found.map { ($0.field, $0.reason) })
    }
  }

  /// Decodes base64url. Some browsers and libraries pad the last group of four characters with `=`.
  private static func decode(_ text: String) -> [UInt8]? {
    // A text that is far too long is not worth decoding.
    guard text.utf8.count <= 128 else { return nil }
    var characters = Array(text.utf8)
    if characters.count % 4 == 0 {
      for _ in 0..<2 where characters.last == UInt8(ascii: "=") { characters.removeLast() }
    }
    return Base64URL.decode(characters)
  }
}
