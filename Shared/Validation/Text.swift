internal import API
internal import Endpoint

/// Checks of single fields. Each records a fault and returns the value.
extension Violations {
  /// Text of `range` characters (Unicode scalars, as PostgreSQL counts).
  mutating func text(_ value: String, _ field: String, _ range: ClosedRange<Int>) -> String {
    // A cheap check first: a scalar has at least one byte.
    let bytes = value.utf8.count
    let count =
      bytes <= range.upperBound && range.lowerBound <= 1
      ? min(bytes, range.upperBound) : value.unicodeScalars.count
    if count < range.lowerBound {
      add(
        field,
        count == 0 ? "must not be empty" : "must have at least \(range.lowerBound) characters"
      )
    } else if count > range.upperBound {
      add(field, "must have at most \(range.upperBound) characters")
    }
    if value.utf8.contains(0) { add(field, "must not contain U+0000") }
    return value
  }

  /// 3 to 100 ASCII letters, digits, `.`, `_` and `-`.
  mutating func username(_ value: String, _ field: String = "username") -> String {
    _ = text(value, field, Bounds.User.username)
    let isValid = value.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    if !isValid { add(field, "may have letters, digits and . _ - only") }
    return value
  }

  /// An address that mail can be sent to: a dot-atom, `@`, and a domain name of two labels or more, all
  /// ASCII. Source: RFC 5321 §4.1.2 and §4.5.3.1 (lengths), RFC 1123 §2.1 (host names); quoted local
  /// parts and address literals are left out on purpose.
  mutating func email(_ value: String, _ field: String = "email") -> String {
    _ = text(value, field, Bounds.User.email)
    let parts = value.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    guard parts.count == 2, (1...64).contains(parts[0].count), parts[1].count <= 253 else {
      add(field, "is not an e-mail address")
      return value
    }
    let atoms = parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let labels = parts[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let isValid =
      atoms.allSatisfy { !$0.isEmpty && $0.allSatisfy(isAtomText) }
      && labels.count >= 2
      && labels.allSatisfy {
        (1...63).contains($0.count)
          && $0.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
          && $0.first != UInt8(ascii: "-") && $0.last != UInt8(ascii: "-")
      }
      && !(labels.last?.allSatisfy { (0x30...0x39).contains($0) } ?? true)
    if !isValid { add(field, "is not an e-mail address") }
    return value
  }

  /// 8 to 72 bytes without NUL. bcrypt reads 72 bytes and stops at a NUL: a password that it would not read
  /// completely is refused, never cut.
  mutating func password(_ value: String, _ field: String = "password") -> String {
    let count = value.utf8.count
    let bounds = Bounds.CreateUserRequest.password
    if count < bounds.lowerBound { add(field, "must have at least \(bounds.lowerBound) bytes") }
    if count > bounds.upperBound { add(field, "must have at most \(bounds.upperBound) bytes") }
    if value.utf8.contains(0) { add(field, "must not contain U+0000") }
    return value
  }
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
  default: false
  }
}

/// Source: RFC 5322 §3.2.3.
private func isAtomText(_ byte: UInt8) -> Bool {
  isLetterOrDigit(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
}
