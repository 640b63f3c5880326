/// Base64 with the alphabet that is safe in URLs and file names, without padding. Source: RFC 4648 §5, RFC 7515 §2.
public enum Base64URL {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
  )

  /// The value of each character; 255 for one that is not in the alphabet.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()

  /// Encodes bytes as `ceil(4/3 · count)` characters.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    if let text = bytes.withContiguousStorageIfAvailable({ encode(buffer: $0) }) { return text }
    return ContiguousArray(bytes).withUnsafeBufferPointer { encode(buffer: $0) }
  }

  private static func encode(buffer bytes: UnsafeBufferPointer<UInt8>) -> String {
    alphabet.withUnsafeBufferPointer { alphabet in
      String(unsafeUninitializedCapacity: (bytes.count * 4 + 2) / 3) { text in
        var length = 0
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for byte in bytes {
          bits = bits << 8 | UInt32(byte)
          count += 8
          while count >= 6 {
            count -= 6
            text[length] = alphabet[Int(bits >> count & 0x3F)]
            length += 1
          }
        }
        if count > 0 {
          text[length] = alphabet[Int(bits << (6 - count) & 0x3F)]
          length += 1
        }
        return length
      }
    }
  }

  /// Decodes a text; `nil` when a character is not in the alphabet (padding included), the length is impossible,
  /// or unused bits are not zero, so that every value has exactly one text.
  public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    // Text is nearly always contiguous, and walking a buffer is several times as fast.
    if let decoded = text.withContiguousStorageIfAvailable({ decode(UnsafeRawBufferPointer($0)) }) {
      return decoded
    }
    return ContiguousArray(text).withUnsafeBytes { decode($0) }
  }

  /// As `decode(_:)`.
  public static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    var isValid = true
    let bytes = [UInt8](unsafeUninitializedCapacity: text.count * 3 / 4) { bytes, length in
      isValid = decode(text, into: bytes, &length)
    }
    return isValid ? bytes : nil
  }

  /// Decodes a text into a buffer.
  ///
  /// - Returns: whether the text is valid.
  private static func decode(
    _ text: UnsafeRawBufferPointer,
    into bytes: UnsafeMutableBufferPointer<UInt8>,
    _ length: inout Int
  ) -> Bool {
    values.withUnsafeBufferPointer { values in
      var written = 0
      var position = 0
      // Four characters are three bytes.
      while position + 4 <= text.count {
        let first = values[Int(text[position])]
        let second = values[Int(text[position + 1])]
        let third = values[Int(text[position + 2])]
        let fourth = values[Int(text[position + 3])]
        guard first | second | third | fourth < 64 else { return false }
        bytes[written] = first << 2 | second >> 4
        bytes[written + 1] = second << 4 | third >> 2
        bytes[written + 2] = third << 6 | fourth
        written += 3
        position += 4
      }
      var bits: UInt32 = 0
      var count: UInt32 = 0
      for character in text[position...] {
        let value = values[Int(character)]
        guard value < 64 else { return false }
        bits = bits << 6 | UInt32(value)
        count += 6
        guard count >= 8 else { continue }
        count -= 8
        bytes[written] = UInt8(truncatingIfNeeded: bits >> count)
        written += 1
      }
      length = written
      return bits & ((1 << count) - 1) == 0
    }
  }
}
