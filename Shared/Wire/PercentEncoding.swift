/// Bytes of a URL's query. Source: RFC 3986 §2.1, WHATWG URL §5.1.
enum PercentEncoding {
  /// The text of a name or value; `nil` when it is not valid UTF-8, or has U+0000 or a broken escape.
  static func decode(_ text: some Sequence<UInt8>) -> String? {
    var bytes: [UInt8] = []
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard let high = iterator.next().flatMap(value), let low = iterator.next().flatMap(value),
          high != 0 || low != 0
        else { return nil }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    // Bytes in another encoding from the gateway have become U+FFFD.
    guard let decoded = String(validating: bytes, as: UTF8.self),
      !decoded.unicodeScalars.contains("\u{FFFD}")
    else { return nil }
    return decoded
  }

  /// The text with every byte escaped that is not allowed in a URL; existing escapes stay as they are.
  static func encode(_ text: some Sequence<UInt8>) -> String {
    var bytes: [UInt8] = []
    for byte in text {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: bytes.append(byte)
      case _ where allowed.contains(byte): bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let allowed = Array("-._~!$&'()*+,;=:@/?%".utf8)
  private static let digits = Array("0123456789ABCDEF".utf8)

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x37
    case 0x61...0x66: digit - 0x57
    default: nil
    }
  }
}
