private import Glibc

/// An internet address, which is public or private.
///
/// Subscribers name the address to which we then connect: it must not lead into our own network.
enum PushAddress: Equatable, CustomStringConvertible {
  case ipv4(UInt32)
  /// 16 bytes.
  case ipv6([UInt8])

  /// An address in any form that resolvers accept without a lookup: IPv6 in brackets, IPv4 also as
  /// `127.1`, `0x7f000001` or `017700000001`.
  ///
  /// The corresponding C functions are `inet_aton` and `inet_pton`.
  init?(literal host: String) {
    if host.hasPrefix("["), host.hasSuffix("]") {
      var bytes = [UInt8](repeating: 0, count: 16)
      guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &bytes) == 1 else {
        return nil
      }
      self = .ipv6(bytes)
    } else {
      var address = in_addr()
      guard inet_aton(host, &address) != 0 else { return nil }
      self = .ipv4(UInt32(bigEndian: address.s_addr))
    }
  }

  /// The address of a `sockaddr_in` or `sockaddr_in6`; `nil` for anything else.
  init?(socketAddress: UnsafeRawPointer) {
    switch Int32(socketAddress.loadUnaligned(as: sa_family_t.self)) {
    case AF_INET:
      let address = socketAddress.loadUnaligned(as: sockaddr_in.self)
      self = .ipv4(UInt32(bigEndian: address.sin_addr.s_addr))
    case AF_INET6:
      let address = socketAddress.loadUnaligned(as: sockaddr_in6.self)
      self = .ipv6(withUnsafeBytes(of: address.sin6_addr) { Array($0) })
    default: return nil
    }
  }

  /// The usual text form. The corresponding C function is `inet_ntop`.
  var description: String {
    switch self {
    case .ipv4(let number):
      return [24, 16, 8, 0].map { "\(number >> $0 & 0xFF)" }.joined(separator: ".")
    case .ipv6(let bytes):
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      guard let start = inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) else { return "" }
      return String(cString: start)
    }
  }

  /// Whether it is a global address of a single host. Source: the IANA special-purpose address registries.
  var isPublic: Bool {
    switch self {
    case .ipv4(let number): Self.isPublic(number)
    case .ipv6(let bytes): Self.isPublic(bytes)
    }
  }

  /// Blocks that are not public, as their highest bits and the number of these.
  private static let reservedIPv4: [(network: UInt32, bits: UInt32)] = [
    (0x0000_0000, 8),  // 0.0.0.0/8, this network
    (0x0A00_0000, 8),  // 10.0.0.0/8, private
    (0x6440_0000, 10),  // 100.64.0.0/10, shared by customers of a provider
    (0x7F00_0000, 8),  // 127.0.0.0/8, loopback
    (0xA9FE_0000, 16),  // 169.254.0.0/16, link-local
    (0xAC10_0000, 12),  // 172.16.0.0/12, private
    (0xC000_0000, 24),  // 192.0.0.0/24, protocol assignments
    (0xC000_0200, 24),  // 192.0.2.0/24, documentation
    (0xC058_6300, 24),  // 192.88.99.0/24, formerly relays of 6to4
    (0xC0A8_0000, 16),  // 192.168.0.0/16, private
    (0xC612_0000, 15),  // 198.18.0.0/15, benchmarks
    (0xC633_6400, 24),  // 198.51.100.0/24, documentation
    (0xCB00_7100, 24),  // 203.0.113.0/24, documentation
    (0xE000_0000, 3),  // 224.0.0.0/4, multicast, and 240.0.0.0/4, reserved
  ]

  private static func isPublic(_ number: UInt32) -> Bool {
    !reservedIPv4.contains { (number ^ $0.network) >> (32 - $0.bits) == 0 }
  }

  /// Only 2000::/3 has been assigned so far, so everything else is refused.
  private static func isPublic(_ bytes: [UInt8]) -> Bool {
    func begins(_ prefix: UInt8...) -> Bool { bytes.starts(with: prefix) }
    func embedded(at start: Int) -> UInt32 {
      bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
    // ::ffff:0:0/96, IPv4 in the notation of IPv6
    if begins(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF) { return isPublic(embedded(at: 12)) }
    // 64:ff9b::/96, IPv4 behind a translator
    if begins(0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0) { return isPublic(embedded(at: 12)) }
    // 2002::/16, IPv4 through 6to4
    if begins(0x20, 0x02) { return isPublic(embedded(at: 2)) }
    let isAssigned = bytes[0] >> 5 == 1
    let isProtocol = begins(0x20, 0x01) && bytes[2] < 2  // 2001::/23, Teredo and others
    let isDocumentation =
      begins(0x20, 0x01, 0x0D, 0xB8)  // 2001:db8::/32
      || begins(0x3F, 0xFF) && bytes[2] < 16  // 3fff::/20
    return isAssigned && !isProtocol && !isDocumentation
  }
}
