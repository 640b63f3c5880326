/// Any text as lines of printable ASCII with at most 76 characters each, in which `=_` never occurs.
/// Source: RFC 2045 §6.7.
enum QuotedPrintable {
  private static let maximumLineCharacters = 76
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let lineFeed = UInt8(ascii: "\n")

  /// Appends text and completes its last line. CR, LF and CRLF each end a line.
  static func append(_ text: String, to bytes: inout [UInt8]) {
    let text = Array(text.utf8)
    var column = 0
    var position = 0
    while position < text.count {
      let byte = text[position]
      position += 1
      if byte == carriageReturn || byte == lineFeed {
        if byte == carriageReturn, position < text.count, text[position] == lineFeed {
          position += 1
        }
        bytes += [carriageReturn, lineFeed]
        column = 0
        continue
      }
      let endsLine =
        position == text.count || text[position] == carriageReturn || text[position] == lineFeed
      // Spaces at the end of a line would get lost on the way.
      let isLiteral = isPrintable(byte) || (isBlank(byte) && !endsLine)
      let width = isLiteral ? 1 : 3
      // A line that is continued needs room for the `=` at its end.
      if column + width > (endsLine ? maximumLineCharacters : maximumLineCharacters - 1) {
        bytes += [UInt8(ascii: "="), carriageReturn, lineFeed]
        column = 0
      }
      if isLiteral { bytes.append(byte) } else { appendCode(of: byte, to: &bytes) }
      column += width
    }
    if column > 0 { bytes += [carriageReturn, lineFeed] }
  }

  /// Appends `=` and two hexadecimal digits.
  static func appendCode(of byte: UInt8, to bytes: inout [UInt8]) {
    bytes += [UInt8(ascii: "="), digit(byte >> 4), digit(byte & 15)]
  }

  private static func isPrintable(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=")
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }
}
