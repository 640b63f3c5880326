internal import Endpoint
import Glibc

extension Violations {
  /// A name in the IANA time zone database, e.g. `Europe/Berlin`, that is among the host's zone files
  /// (Debian: tzdata), which PostgreSQL reads too.
  mutating func timeZone(_ value: String, _ field: String = "time_zone") -> String {
    let isName =
      (1...64).contains(value.utf8.count)
      && value.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"): true
        default: false
        }
      }
      && !value.hasPrefix("/") && !value.contains("//")
      // The other files beside the zones: other versions of them, and the host's own zone.
      && !["posix", "right", "localtime"].contains { value.hasPrefix($0) }
    guard isName, value == "UTC" || isZoneFile("/usr/share/zoneinfo/" + value) else {
      add(field, "is not an IANA time zone such as Europe/Berlin")
      return value
    }
    return value
  }
}

/// Tells whether a file begins like a zone file. Source: RFC 8536 §3.1.
private func isZoneFile(_ path: String) -> Bool {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return false }
  defer { close(descriptor) }
  var magic: [UInt8] = [0, 0, 0, 0]
  return read(descriptor, &magic, 4) == 4 && magic == Array("TZif".utf8)
}
