private import CCurl
private import Glibc

/// An address that mail can be sent to: a dot-atom, `@`, and a domain name of two labels or more.
///
/// Quoted local parts and address literals are not supported on purpose, nor are local parts that are not ASCII
/// (SMTPUTF8): few servers accept them. Source: RFC 5321 §4.1.2 and §4.5.3.1 (lengths), RFC 1123 §2.1.
public struct MailAddress: Hashable, Sendable, CustomStringConvertible {
  private static let maximumBytes = 254
  private static let maximumLocalBytes = 64
  private static let maximumLabelBytes = 63

  /// `local@domain` in ASCII: a domain such as `bücher.example` is `xn--bcher-kva.example` here.
  public let text: String

  /// Reads an address as people write it.
  ///
  /// - Throws: `MailFailure`.
  public init(_ text: String) throws {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw MailFailure("is not one name, one @ and one domain") }
    let local = parts[0].utf8
    guard local.allSatisfy({ $0 < 0x80 }) else {
      throw MailFailure("has a name that is not ASCII, which many mail servers do not take")
    }
    let atoms = local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard local.count <= Self.maximumLocalBytes,
      atoms.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isAtomText) })
    else { throw MailFailure("has a name before the @ that mail servers do not take") }
    let domain = try Self.domain(String(parts[1]))
    guard local.count + 1 + domain.utf8.count <= Self.maximumBytes else {
      throw MailFailure("has more than \(Self.maximumBytes) bytes")
    }
    self.text = "\(parts[0])@\(domain)"
  }

  /// The reason why mail cannot be sent to an address; `nil` when it can.
  public static func problem(of text: String) -> String? {
    do {
      _ = try MailAddress(text)
      return nil
    } catch {
      return (error as? MailFailure)?.reason ?? "is not an e-mail address"
    }
  }

  /// The text form.
  public var description: String { text }

  /// The domain in ASCII.
  ///
  /// - Throws: `MailFailure`.
  private static func domain(_ name: String) throws -> String {
    let domain = name.utf8.allSatisfy { $0 < 0x80 } ? name : try asciiDomain(name)
    let labels = domain.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let isValid =
      labels.count >= 2
      && labels.allSatisfy {
        (1...maximumLabelBytes).contains($0.count)
          && $0.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
          && $0.first != UInt8(ascii: "-") && $0.last != UInt8(ascii: "-")
      }
      && !(labels.last?.allSatisfy { (0x30...0x39).contains($0) } ?? true)
    guard isValid else { throw MailFailure("has a domain that is none") }
    return domain
  }

  /// The ASCII form of a domain in Unicode, by IDNA. Source: RFC 5890.
  ///
  /// The corresponding C function is `curl_url_get` with `CURLU_PUNYCODE`.
  /// - Throws: `MailFailure`.
  private static func asciiDomain(_ name: String) throws -> String {
    let failure = MailFailure("has a domain that is none, or that IDNA does not know")
    // Characters that would begin another part of a URL would be lost.
    let isName = name.utf8.allSatisfy {
      $0 >= 0x80 || isLetterOrDigit($0) || "-.".utf8.contains($0)
    }
    guard isName else { throw failure }
    // libcurl reads the name in the character set of the locale, which is ASCII by default.
    let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
    defer { if let locale { freelocale(locale) } }
    guard let locale, let url = curl_url() else { throw failure }
    defer { curl_url_cleanup(url) }
    let before = uselocale(locale)
    defer { uselocale(before) }
    var host: UnsafeMutablePointer<CChar>?
    defer { curl_free(host) }
    guard curl_url_set(url, CURLUPART_SCHEME, "smtp", 0) == CURLUE_OK,
      curl_url_set(url, CURLUPART_HOST, name, 0) == CURLUE_OK,
      curl_url_get(url, CURLUPART_HOST, &host, UInt32(CURLU_PUNYCODE)) == CURLUE_OK,
      let host
    else { throw failure }
    return String(cString: host)
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
  }

  /// Source: RFC 5322 §3.2.3.
  private static func isAtomText(_ byte: UInt8) -> Bool {
    isLetterOrDigit(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
  }
}
