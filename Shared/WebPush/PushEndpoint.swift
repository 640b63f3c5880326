/// The parts that we need of a URL that a push service has given to a browser.
struct PushEndpoint {
  private static let scheme = "https://"
  private static let maximumCharacters = 2048
  /// The maximum length of a domain name. Source: RFC 1035 §2.3.4.
  private static let maximumHostCharacters = 253

  /// The reason why a text is not an endpoint, as a phrase that can follow "endpoint ".
  struct Malformed: Error {
    let reason: String
  }

  /// `https://host`, with the port when it is not 443. Source: RFC 6454 §6.2.
  let origin: String

  /// Reads an endpoint. `allowsPrivate` admits hosts that are obviously in our own network.
  ///
  /// - Throws: `Malformed`.
  init(_ text: String, allowsPrivate: Bool) throws {
    guard text.utf8.count <= Self.maximumCharacters else {
      throw Malformed(reason: "must have at most \(Self.maximumCharacters) characters")
    }
    guard text.prefix(Self.scheme.count).lowercased() == Self.scheme else {
      throw Malformed(reason: "must be an https URL")
    }
    guard text.utf8.allSatisfy(Self.isURLCharacter) else {
      throw Malformed(reason: "must have no characters that a URL cannot have")
    }
    guard !text.utf8.contains(UInt8(ascii: "#")) else {
      throw Malformed(reason: "must have no fragment")
    }
    let authority = text.dropFirst(Self.scheme.count).prefix { $0 != "/" && $0 != "?" }
    guard !authority.contains("@") else {
      throw Malformed(reason: "must have no user name or password")
    }
    let (host, port) = try Self.hostAndPort(authority.lowercased())
    guard allowsPrivate || !Self.isPrivate(host) else {
      throw Malformed(reason: "must be on the public internet")
    }
    origin = Self.scheme + host + (port.map { $0 == 443 ? "" : ":\($0)" } ?? "")
  }

  /// Source: RFC 3986 §2.
  private static func isURLCharacter(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte) && !"\"<>\\^`{|}".utf8.contains(byte)
  }

  /// Source: RFC 3986 §3.2. No percent signs: a resolver would see a different name.
  private static func hostAndPort(_ authority: String) throws -> (host: String, port: UInt16?) {
    let end: String.Index
    if authority.hasPrefix("[") {
      guard let bracket = authority.firstIndex(of: "]") else {
        throw Malformed(reason: "must have a host")
      }
      end = authority.index(after: bracket)
    } else {
      end = authority.firstIndex(of: ":") ?? authority.endIndex
    }
    let host = String(authority[..<end])
    let isHost =
      host.hasPrefix("[")
      ? PushAddress(literal: host) != nil : host.utf8.allSatisfy(isNameCharacter)
    guard isHost, host.utf8.count <= maximumHostCharacters, !host.allSatisfy({ $0 == "." }) else {
      throw Malformed(reason: "must have a host")
    }
    let rest = authority[end...]
    if rest.isEmpty { return (host, nil) }
    let digits = rest.dropFirst()
    guard rest.hasPrefix(":"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(digits), port > 0
    else { throw Malformed(reason: "must have a port between 1 and 65535, or none") }
    return (host, port)
  }

  private static func isNameCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x61...0x7A: true
    default: "-._".utf8.contains(byte)
    }
  }

  /// Whether the name alone shows that a host is private. The addresses of other names are checked when we connect.
  private static func isPrivate(_ host: String) -> Bool {
    var host = host
    while host.hasSuffix(".") { host.removeLast() }
    if let address = PushAddress(literal: host) { return !address.isPublic }
    return ["localhost", "local"].contains { host == $0 || host.hasSuffix(".\($0)") }
  }
}
