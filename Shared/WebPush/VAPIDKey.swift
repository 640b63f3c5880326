private import Glibc
import Values

/// The key by which push services recognise the sender. Source: RFC 8292.
public struct VAPIDKey: Sendable {
  private static let tokenHeader = Base64URL.encode(#"{"typ":"JWT","alg":"ES256"}"#.utf8)

  private static let maximumFileBytes = 16_384

  private let pair: PushKeyPair

  /// The public key, with which browsers subscribe as `applicationServerKey`: 65 bytes, an uncompressed point.
  public var publicKey: [UInt8] { pair.publicKey }

  /// Reads a private key on P-256 in PEM, as PKCS#8 or EC key.
  ///
  /// - Throws: `PushFailure`.
  public init(pem: [UInt8]) throws { pair = try PushKeyPair(pem: pem) }

  /// Reads the file of a private key, see `init(pem:)`.
  ///
  /// The corresponding C function is `fread`.
  /// - Throws: `PushFailure`.
  public init(file path: String) throws {
    guard let file = fopen(path, "re") else {
      throw PushFailure("\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var pem = [UInt8](repeating: 0, count: Self.maximumFileBytes)
    pem.removeLast(pem.count - fread(&pem, 1, pem.count, file))
    try self.init(pem: pem)
  }

  /// Tells whether push services accept a text as the contact of the sender: a `mailto:` or `https:` URI.
  ///
  /// Apple's service refuses spaces and angle brackets. Source: RFC 8292 §2.1.
  public static func isSubject(_ text: String) -> Bool {
    let scheme = ["mailto:", "https://"].first { text.hasPrefix($0) }
    return text.utf8.count <= 256 && text.utf8.count > (scheme?.utf8.count ?? .max)
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"\"\\<>".utf8.contains($0) }
  }

  /// Authorizes us at one push service, by a token signed with ES256. Source: RFC 8292 §2, §3.
  ///
  /// - Parameters:
  ///   - audience: the origin of the push service.
  ///   - subject: the contact in case something is wrong, see `isSubject(_:)`.
  ///   - expiry: the time when it expires, 24 hours from now at the latest.
  /// - Returns: the value of the header `Authorization`, `vapid t=<JWT>,k=<public key>`.
  /// - Throws: `PushFailure`.
  func authorization(audience: String, subject: String, expiry: Instant) throws -> String {
    guard Self.isSubject(subject) else {
      throw PushFailure("the subject must be a mailto: or https: URI")
    }
    // Origins and subjects have no characters that JSON would escape.
    let claims = #"{"aud":"\#(audience)","exp":\#(expiry.seconds),"sub":"\#(subject)"}"#
    let signed = "\(Self.tokenHeader).\(Base64URL.encode(claims.utf8))"
    let signature = try pair.sign(Array(signed.utf8))
    return "vapid t=\(signed).\(Base64URL.encode(signature)),k=\(Base64URL.encode(publicKey))"
  }
}
