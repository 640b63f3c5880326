internal import API
internal import Endpoint
import Values

/// Checks of single fields. Each records a fault and returns the value.
extension Violations {
  /// Text of `range` characters (Unicode scalars, as PostgreSQL counts) without the blanks around it. Text that shows
  /// nothing is empty.
  mutating func text(_ value: String, _ field: String, _ range: ClosedRange<Int>) -> String {
    checkForNUL(value, field)
    return bounded(value.shown, field, range)
  }

  /// Text with all its blanks: saved when other rules applied, perhaps, or search terms, the last of which a blank ends.
  mutating func verbatim(_ value: String, _ field: String, _ range: ClosedRange<Int>) -> String {
    checkForNUL(value, field)
    return bounded(value, field, range)
  }

  private mutating func checkForNUL(_ value: String, _ field: String) {
    if value.utf8.contains(0) { add(field, "must not contain U+0000") }
  }

  private mutating func bounded(
    _ value: String,
    _ field: String,
    _ range: ClosedRange<Int>
  ) -> String {
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
    return value
  }

  /// One line of text, without control characters.
  mutating func line(_ value: String, _ field: String, _ range: ClosedRange<Int>) -> String {
    if value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      add(field, "must be one line, without control characters")
    }
    return text(value, field, range)
  }

  /// 3 to 100 ASCII letters, digits, `.`, `_` and `-`.
  mutating func username(_ value: String, _ field: String = "username") -> String {
    let name = line(value, field, Bounds.User.username)
    let isValid = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    if !isValid { add(field, "may have letters, digits and . _ - only") }
    return name
  }

  /// An address that mail can be sent to, in ASCII, at most 254 bytes.
  mutating func email(_ value: String, _ field: String = "email") -> String {
    let text = line(value, field, Bounds.User.email)
    do {
      return try MailAddress(text).text
    } catch {
      add(field, "\(error)")
      return text
    }
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
