/// The identifier of a user, task or session: a UUID as 36 lower-case characters.
///
/// New ones are version 7, so that rows created one after the other lie next to each other in an index.
/// Source: RFC 9562 §4, §5.7.
public struct ID: Hashable, Sendable, CustomStringConvertible {
  /// `8-4-4-4-12` lower-case hexadecimal digits.
  public let text: String

  /// Reads a UUID in upper or lower case; `nil` when the text is not a UUID.
  public init?(_ text: String) {
    var text = text
    guard text.utf8.count == 36, let isLowerCase = text.withUTF8({ Self.form(of: $0) }) else {
      return nil
    }
    self.text = isLowerCase ? text : text.lowercased()
  }

  /// Tells whether 36 bytes are a UUID in lower case; `nil` when they are not a UUID.
  private static func form(of text: UnsafeBufferPointer<UInt8>) -> Bool? {
    var isLowerCase = true
    for position in 0..<36 {
      let byte = text[position]
      switch byte {
      case 0x30...0x39, 0x61...0x66: break
      case 0x41...0x46: isLowerCase = false
      case UInt8(ascii: "-") where dashes & (1 << position) != 0: continue
      default: return nil
      }
      guard dashes & (1 << position) == 0 else { return nil }
    }
    return isLowerCase
  }

  /// A bit for each position of a dash.
  private static let dashes: UInt64 = 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23

  /// An id from a database column, which holds valid ones only.
  public init(stored text: String) { self.text = text }

  /// A new version 7 UUID: 48 bits of milliseconds, then 74 random bits.
  public init(at now: Instant, random: inout some RandomNumberGenerator) {
    let milliseconds = UInt64(bitPattern: now.microseconds / 1000) & 0xFFFF_FFFF_FFFF
    let high = milliseconds << 16 | 0x7000 | UInt64.random(in: 0...0xFFF, using: &random)
    let low = 0x8000_0000_0000_0000 | UInt64.random(in: 0...0x3FFF_FFFF_FFFF_FFFF, using: &random)
    text = String(unsafeUninitializedCapacity: 36) { buffer in
      var position = 0
      for half in [high, low] {
        for shift in stride(from: 60, through: 0, by: -4) {
          if position == 8 || position == 13 || position == 18 || position == 23 {
            buffer[position] = UInt8(ascii: "-")
            position += 1
          }
          buffer[position] = hexadecimal(half >> shift & 0xF)
          position += 1
        }
      }
      return position
    }
  }

  /// The text form.
  public var description: String { text }
}

private func hexadecimal(_ digit: UInt64) -> UInt8 {
  digit < 10 ? UInt8(ascii: "0") + UInt8(digit) : UInt8(ascii: "a") + UInt8(digit - 10)
}
