import Testing

@testable import WebPush

struct `An address of a push service` {
  @Test(arguments: [
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255",
    "[2000::1]", "[2001:200::1]", "[2606:4700::1111]", "[2a00:1450::1]", "[3fff:1000::1]",
    "[::ffff:8.8.8.8]", "[64:ff9b::8.8.8.8]", "[2002:808:808::1]",
  ])
  func `is public`(host: String) throws {
    #expect(try #require(PushAddress(literal: host)).isPublic)
  }

  @Test(arguments: [
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
    "127.0.0.0", "127.255.255.255", "169.254.0.0", "169.254.255.255", "172.16.0.0",
    "172.31.255.255",
    "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.0", "239.255.255.255", "240.0.0.0",
    "255.255.255.255", "[::]", "[::1]", "[::8.8.8.8]", "[100::1]", "[fc00::1]", "[fdff::1]",
    "[fe80::1]", "[febf::1]", "[fec0::1]", "[ff00::1]", "[ff0e::1]", "[2001::1]", "[2001:1ff::1]",
    "[2001:db8::1]", "[3fff::1]", "[3fff:fff::1]", "[4000::1]", "[5f00::1]", "[64:ff9b:1::8.8.8.8]",
    "[::ffff:0.0.0.0]", "[::ffff:10.1.2.3]", "[::ffff:192.168.0.1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]", "[2002:a00:1::1]",
  ])
  func `is not public`(host: String) throws {
    #expect(try !#require(PushAddress(literal: host)).isPublic)
  }

  @Test(arguments: [
    ("127.1", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("010.0.0.1", "8.0.0.1"),
    ("2130706433", "127.0.0.1"), ("[::FFFF:1.2.3.4]", "::ffff:1.2.3.4"), ("[2A00:0::1]", "2a00::1"),
  ])
  func `has many spellings and one usual one`(host: String, usual: String) throws {
    #expect(try #require(PushAddress(literal: host)).description == usual)
  }

  @Test(arguments: [
    "push.example.net", "", "1.2.3.4.5", "256.1.1.1", "::1", "[1.2.3.4]", "[]", "[fe80::1%1]",
  ])
  func `is none`(host: String) { #expect(PushAddress(literal: host) == nil) }

  @Test func `is read from what a socket connects to`() {
    let ipv4: [UInt8] = [2, 0, 1, 187, 192, 168, 1, 2] + [UInt8](repeating: 0, count: 8)
    let ipv6: [UInt8] =
      [10, 0, 1, 187, 0, 0, 0, 0, 0xFE, 0x80] + [UInt8](repeating: 0, count: 13) + [1, 0, 0, 0, 0]
    let local: [UInt8] = [1, 0, 47] + [UInt8](repeating: 0, count: 13)
    let read = [ipv4, ipv6, local].map { bytes in
      bytes.withUnsafeBytes {
        $0.baseAddress.flatMap { PushAddress(socketAddress: $0) }?.description
      }
    }
    #expect(read == ["192.168.1.2", "fe80::1", nil])
  }
}
