private import Glibc
import Values

/// The header fields of a message. No value can make one of them spill into another line. Source: RFC 5322 §2.2 and §3.6, RFC 2047.
enum MailHeader {
  /// The length of a line with encoded words. A word has at most one character fewer.
  private static let maximumLineCharacters = 76

  /// A field of text that people read, such as the subject. Control characters become spaces.
  static func text(_ name: String, _ value: String) -> String {
    let value = withoutControls(value)
    let prefix = "\(name): "
    return prefix
      + (folded(value, after: prefix.utf8.count) ?? encodedWords(value, after: prefix.utf8.count))
      + "\r\n"
  }

  /// A field with one address, and perhaps the name of its owner.
  static func address(_ name: String, _ address: MailAddress, displayName: String? = nil) -> String
  {
    let displayName = withoutControls(displayName ?? "")
    let prefix = "\(name): "
    if displayName.isEmpty { return "\(prefix)\(address)\r\n" }
    let quoted = quoted(displayName)
    let isPlain = isPrintableASCII(displayName) && !displayName.contains("=?")
    let phrase =
      isPlain && prefix.utf8.count + quoted.utf8.count <= maximumLineCharacters
      ? quoted : encodedWords(displayName, after: prefix.utf8.count)
    return "\(prefix)\(phrase)\r\n <\(address)>\r\n"
  }

  /// `Wed, 25 Nov 2026 10:00:00 +0000`. The corresponding C function is `gmtime_r`. Source: RFC 5322 §3.3.
  static func date(_ instant: Instant) -> String {
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    var seconds = time_t(instant.seconds)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }
    let date = "\(parts.tm_mday) \(months[Int(parts.tm_mon)]) \(1900 + Int(parts.tm_year))"
    return "\(days[Int(parts.tm_wday)]), \(date) \(clock.joined(separator: ":")) +0000"
  }

  /// ASCII text on as many lines as it needs, broken at spaces; `nil` when it needs encoded words.
  private static func folded(_ text: String, after width: Int) -> String? {
    guard isPrintableASCII(text), !text.contains("=?") else { return nil }
    if text.isEmpty { return text }
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    var folded = ""
    var column = width
    for word in words {
      // Two spaces in a row, or one at either end, would not survive every server.
      guard !word.isEmpty, word.utf8.count < maximumLineCharacters else { return nil }
      if folded.isEmpty {
        guard column + word.utf8.count <= maximumLineCharacters else { return nil }
      } else if column + 1 + word.utf8.count > maximumLineCharacters {
        folded += "\r\n "
        column = 1
      } else {
        folded += " "
        column += 1
      }
      folded += word
      column += word.utf8.count
    }
    return folded
  }

  /// UTF-8 in the encoding `Q`, with no character split between two words. Source: RFC 2047 §2, §4.2 and §5.
  private static func encodedWords(_ text: String, after width: Int) -> String {
    let start = "=?utf-8?Q?"
    let end = "?="
    var words = start
    var column = width + start.utf8.count
    for scalar in text.unicodeScalars {
      let code = encoded(scalar)
      if column + code.utf8.count + end.utf8.count > maximumLineCharacters {
        words += "\(end)\r\n \(start)"
        column = 1 + start.utf8.count
      }
      words += code
      column += code.utf8.count
    }
    return words + end
  }

  private static func encoded(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case " ": return "_"
    case "a"..."z", "A"..."Z", "0"..."9", "!", "*", "+", "-", "/": return String(scalar)
    default:
      var bytes: [UInt8] = []
      for byte in String(scalar).utf8 { QuotedPrintable.appendCode(of: byte, to: &bytes) }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for character in text.unicodeScalars {
      if character == "\"" || character == "\\" { quoted += "\\" }
      quoted.unicodeScalars.append(character)
    }
    return quoted + "\""
  }

  private static func isPrintableASCII(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
  }

  /// The text with a space in place of each control character and of the two line separators of Unicode.
  static func withoutControls(_ text: String) -> String {
    var clean = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: clean.append(" ")
      default: clean.append(scalar)
      }
    }
    return String(clean)
  }
}
