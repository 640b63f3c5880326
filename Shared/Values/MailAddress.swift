/// An address that mail can be sent to: a dot-atom, `@`, and a domain name of two labels or more.
///
/// This is the one rule for addresses: of accounts, recipients and senders. Quoted local parts and address literals are
/// not supported on purpose, nor are local parts that are not ASCII (SMTPUTF8): few servers accept them.
/// Source: RFC 5321 §4.1.2 and §4.5.3.1 (lengths), RFC 1123 §2.1.
public struct MailAddress: Hashable, Sendable, CustomStringConvertible {
  /// The reason why a text is not an address.
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    /// One phrase that can follow the name of the setting or field.
    public let description: String
  }

  private static let maximumBytes = 254
  private static let maximumLocalBytes = 64
  private static let maximumLabelBytes = 63

  /// `local@domain` in ASCII: a domain such as `bücher.example` is `xn--bcher-kva.example` here, so that both forms are
  /// one address.
  public let text: String

  /// Reads an address as people write it.
  ///
  /// - Throws: `Malformed`.
  public init(_ text: String) throws {
    // Far too long, even for the longest form of Unicode.
    guard text.utf8.count <= 8 * Self.maximumBytes else { throw Self.tooLong }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw Malformed(description: "is not an e-mail address") }
    let local = parts[0].utf8
    guard local.allSatisfy({ $0 < 0x80 }) else {
      throw Malformed(
        description: "has a name that is not ASCII, which many mail servers do not take"
      )
    }
    let atoms = local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard local.count <= Self.maximumLocalBytes,
      atoms.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isAtomText) })
    else { throw Malformed(description: "has a name before the @ that mail servers do not take") }
    let domain = try Self.domain(String(parts[1]))
    guard local.count + 1 + domain.utf8.count <= Self.maximumBytes else { throw Self.tooLong }
    self.text = "\(parts[0])@\(domain)"
  }

  /// The reason why mail cannot be sent to an address; `nil` when it can.
  public static func problem(of text: String) -> String? {
    do {
      _ = try MailAddress(text)
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// The text form.
  public var description: String { text }

  private static let tooLong = Malformed(description: "has more than \(maximumBytes) bytes")

  /// The domain in ASCII.
  ///
  /// - Throws: `Malformed`.
  private static func domain(_ name: String) throws -> String {
    guard let domain = name.utf8.allSatisfy({ $0 < 0x80 }) ? name : DomainName.ascii(name) else {
      throw Malformed(description: "has a domain that is none, or that IDNA does not know")
    }
    let labels = domain.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let isValid =
      labels.count >= 2
      && labels.allSatisfy {
        (1...maximumLabelBytes).contains($0.count)
          && $0.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
          && $0.first != UInt8(ascii: "-") && $0.last != UInt8(ascii: "-")
      }
      && !(labels.last?.allSatisfy { (0x30...0x39).contains($0) } ?? true)
    guard isValid else { throw Malformed(description: "has a domain that is none") }
    return domain
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
