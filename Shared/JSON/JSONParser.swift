/// The reason why bytes are not JSON, and the place.
public struct JSONError: Error, Equatable {
  /// One phrase, e.g. `expected "," or "}"`.
  public let reason: String
  /// The offset of the offending byte from the start, in bytes.
  public let offset: Int
  /// The line, counted from 1.
  public let line: Int
  /// The byte in that line, counted from 1.
  public let column: Int
}

extension JSONValue {
  /// Parses exactly one value and nothing after it. Source: RFC 8259; where it leaves a choice, the safe one is
  /// made:
  ///
  /// - the member names of an object are unique, and there are at most 256 of them;
  /// - values are nested at most 32 levels deep;
  /// - strings are valid UTF-8 without lone surrogates (U+0000 is possible; whoever stores text checks for it);
  /// - no byte order mark.
  ///
  /// - Throws: `JSONError`.
  public init(parsing bytes: UnsafeRawBufferPointer) throws {
    var parser = JSONParser(bytes: bytes)
    self = try parser.document()
  }

  /// As `init(parsing:)` for an array of bytes.
  public init(parsing bytes: [UInt8]) throws {
    self = try bytes.withUnsafeBytes { try JSONValue(parsing: $0) }
  }
}

private struct JSONParser {
  private static let maximumDepth = 32
  private static let maximumMembers = 256

  let bytes: UnsafeRawBufferPointer
  var position = 0
  var depth = 0

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func document() throws -> JSONValue {
    skipSpace()
    let value = try value()
    skipSpace()
    guard position == bytes.count else { throw error("unexpected text after the value") }
    return value
  }

  private func error(_ reason: String, at offset: Int? = nil) -> JSONError {
    let offset = min(offset ?? position, bytes.count)
    var line = 1
    var lineStart = 0
    for index in 0..<offset where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      lineStart = index + 1
    }
    let reason =
      offset == bytes.count && reason.hasPrefix("expected")
      ? reason + ", but the text ends" : reason
    return JSONError(reason: reason, offset: offset, line: line, column: offset - lineStart + 1)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func value() throws -> JSONValue {
    switch current {
    case UInt8(ascii: "{"): return .object(try nested { try $0.object() })
    case UInt8(ascii: "["): return .array(try nested { try $0.array() })
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
      return .number(try number())
    default: throw error("expected a value")
    }
  }

  private mutating func nested<T>(_ body: (inout JSONParser) throws -> T) throws -> T {
    depth += 1
    guard depth <= Self.maximumDepth else {
      throw error("more than \(Self.maximumDepth) levels deep")
    }
    defer { depth -= 1 }
    position += 1
    skipSpace()
    return try body(&self)
  }

  private mutating func object() throws -> JSONObject {
    var object = JSONObject()
    if take("}") { return object }
    while true {
      let nameOffset = position
      guard current == UInt8(ascii: "\"") else { throw error("expected a member name in quotes") }
      let name = try string()
      skipSpace()
      guard take(":") else { throw error("expected \":\"") }
      skipSpace()
      let value = try value()
      guard object.members.count < Self.maximumMembers else {
        throw error("more than \(Self.maximumMembers) members in one object", at: nameOffset)
      }
      guard object.append(name, value) else {
        throw error("a member name occurs twice", at: nameOffset)
      }
      skipSpace()
      if take("}") { return object }
      guard take(",") else { throw error("expected \",\" or \"}\"") }
      skipSpace()
    }
  }

  private mutating func array() throws -> [JSONValue] {
    var elements: [JSONValue] = []
    if take("]") { return elements }
    while true {
      elements.append(try value())
      skipSpace()
      if take("]") { return elements }
      guard take(",") else { throw error("expected \",\" or \"]\"") }
      skipSpace()
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func literal(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
    let start = position
    for index in 0..<text.utf8CodeUnitCount {
      guard current == text.utf8Start[index] else { throw error("expected a value", at: start) }
      position += 1
    }
    return value
  }

  private mutating func number() throws -> String {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if !take("+") { _ = take("-") }
      try digits()
    }
    let run = UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[start..<position])
    return String(decoding: run, as: UTF8.self)
  }

  private mutating func digits() throws {
    let start = position
    while case .some(0x30...0x39) = current { position += 1 }
    guard position > start else { throw error("expected a digit") }
  }

  private mutating func string() throws -> String {
    position += 1
    let start = position
    // Most strings have no escapes: they are one run of bytes.
    var seen: UInt8 = 0
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      seen |= byte
      position += 1
    }
    if current == UInt8(ascii: "\"") {
      defer { position += 1 }
      let run = UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[start..<position])
      // ASCII is valid as it is.
      return seen < 0x80 ? String(decoding: run, as: UTF8.self) : try text(run, at: start)
    }
    var buffer = Array(bytes[start..<position])
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try buffer.withUnsafeBufferPointer { try text($0, at: start) }
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &buffer)
      case 0..<0x20:
        throw error("a control character in a string must be escaped")
      default:
        buffer.append(byte)
        position += 1
      }
    }
    throw error("expected \"\\\"\"")
  }

  private func text(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error("a string is not valid UTF-8", at: start)
    }
    return text
  }

  private mutating func escape(into buffer: inout [UInt8]) throws {
    let start = position - 1
    guard let byte = current else { throw error("expected an escaped character") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
    case UInt8(ascii: "b"): buffer.append(0x08)
    case UInt8(ascii: "f"): buffer.append(0x0C)
    case UInt8(ascii: "n"): buffer.append(0x0A)
    case UInt8(ascii: "r"): buffer.append(0x0D)
    case UInt8(ascii: "t"): buffer.append(0x09)
    case UInt8(ascii: "u"): buffer.append(contentsOf: String(try unicodeEscape(from: start)).utf8)
    default: throw error("unknown escape in a string", at: start)
    }
  }

  private mutating func unicodeEscape(from start: Int) throws -> Unicode.Scalar {
    var code = try fourHexadecimalDigits()
    if case 0xD800..<0xDC00 = code, take("\\"), take("u") {
      let low = try fourHexadecimalDigits()
      guard case 0xDC00..<0xE000 = low else {
        throw error("a lone surrogate in a string", at: start)
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else {
      throw error("a lone surrogate in a string", at: start)
    }
    return scalar
  }

  private mutating func fourHexadecimalDigits() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("expected four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
