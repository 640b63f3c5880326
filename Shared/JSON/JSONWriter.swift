/// Writes JSON straight into memory: no tree, no reflection.
///
/// It writes the commas itself; the caller closes objects and arrays.
public struct JSONWriter: ~Copyable {
  private var start: UnsafeMutablePointer<UInt8>
  private var count = 0
  private var capacity: Int
  private var needsComma = false

  /// An empty writer with room for `capacity` bytes.
  public init(capacity: Int = 512) {
    self.capacity = max(64, capacity)
    start = .allocate(capacity: self.capacity)
  }

  deinit { start.deallocate() }

  /// The bytes that have been written.
  public var bytes: [UInt8] { withBytes { Array($0) } }

  /// The bytes that have been written, in place.
  public func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    try body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Makes room for `more` bytes, which then count as written.
  @inline(__always)
  private mutating func extend(by more: Int) -> UnsafeMutablePointer<UInt8> {
    let place = count
    if capacity - place < more { grow(by: more) }
    count = place &+ more
    return start + place
  }

  @inline(never)
  private mutating func grow(by more: Int) {
    capacity = max(capacity * 2, count + more)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: start, count: count)
    start.deallocate()
    start = larger
  }

  @inline(__always)
  private mutating func put(_ byte: UInt8) { extend(by: 1).pointee = byte }

  @inline(__always)
  private mutating func put(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
    extend(by: length).update(from: bytes, count: length)
  }

  private mutating func put(_ text: StaticString) { put(text.utf8Start, text.utf8CodeUnitCount) }

  private mutating func put(unescaped text: String) {
    var text = text
    text.withUTF8 { buffer in
      if let start = buffer.baseAddress { put(start, buffer.count) }
    }
  }

  /// Opens an object, as a value.
  public mutating func beginObject() { open(UInt8(ascii: "{")) }

  /// Closes the object.
  public mutating func endObject() { close(UInt8(ascii: "}")) }

  /// Opens an array, as a value.
  public mutating func beginArray() { open(UInt8(ascii: "[")) }

  /// Closes the array.
  public mutating func endArray() { close(UInt8(ascii: "]")) }

  /// Ends a line after a whole value; the next value is a text of its own.
  public mutating func endLine() {
    put(UInt8(ascii: "\n"))
    needsComma = false
  }

  /// Writes a member name that needs no escaping.
  public mutating func name(_ name: StaticString) {
    separate()
    let length = name.utf8CodeUnitCount
    let place = extend(by: length + 3)
    place[0] = UInt8(ascii: "\"")
    (place + 1).update(from: name.utf8Start, count: length)
    place[length + 1] = UInt8(ascii: "\"")
    place[length + 2] = UInt8(ascii: ":")
    needsComma = false
  }

  /// Writes a member name.
  public mutating func name(_ name: String) {
    value(name)
    put(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Writes a string member whose name needs no escaping, in one piece if its text needs none either.
  public mutating func member(_ name: StaticString, _ text: String) {
    let isWritten = text.utf8.withContiguousStorageIfAvailable { putMember(name, $0) } ?? false
    guard !isWritten else { return }
    self.name(name)
    value(text)
  }

  /// Writes a member that is a string or null.
  public mutating func member(_ name: StaticString, _ text: String?) {
    if let text { return member(name, text) }
    nullMember(name)
  }

  /// Writes a member that is null, in one piece.
  public mutating func nullMember(_ name: StaticString) {
    separate()
    let length = name.utf8CodeUnitCount
    let place = extend(by: length + 7)
    place[0] = UInt8(ascii: "\"")
    (place + 1).update(from: name.utf8Start, count: length)
    let rest: StaticString = "\":null"
    (place + 1 + length).update(from: rest.utf8Start, count: 6)
    needsComma = true
  }

  /// Writes a member that is an integer.
  public mutating func member(_ name: StaticString, _ number: Int64) {
    self.name(name)
    value(number)
  }

  /// Writes a member that is an integer.
  public mutating func member(_ name: StaticString, _ number: Int) { member(name, Int64(number)) }

  /// Writes a member that is an integer.
  public mutating func member(_ name: StaticString, _ number: Int32) { member(name, Int64(number)) }

  /// Writes a member that is `true` or `false`.
  public mutating func member(_ name: StaticString, _ flag: Bool) {
    self.name(name)
    value(flag)
  }

  /// Writes the text if it needs no escaping.
  ///
  /// - Returns: whether it did.
  private mutating func putMember(_ name: StaticString, _ text: UnsafeBufferPointer<UInt8>) -> Bool
  {
    if let source = text.baseAddress, Self.endOfRun(source, from: 0, to: text.count) < text.count {
      return false
    }
    let length = name.utf8CodeUnitCount
    separate()
    let place = extend(by: length + text.count + 5)
    place[0] = UInt8(ascii: "\"")
    (place + 1).update(from: name.utf8Start, count: length)
    place[length + 1] = UInt8(ascii: "\"")
    place[length + 2] = UInt8(ascii: ":")
    place[length + 3] = UInt8(ascii: "\"")
    if let source = text.baseAddress {
      (place + length + 4).update(from: source, count: text.count)
    }
    place[length + text.count + 4] = UInt8(ascii: "\"")
    needsComma = true
    return true
  }

  /// Writes a string.
  public mutating func value(_ text: String) {
    separate()
    put(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { putEscaped($0) }
    put(UInt8(ascii: "\""))
    needsComma = true
  }

  /// Writes a string or null.
  public mutating func value(_ text: String?) {
    if let text { value(text) } else { null() }
  }

  /// Writes an integer.
  public mutating func value(_ number: Int64) {
    separate()
    put(number)
    needsComma = true
  }

  /// Writes an integer.
  public mutating func value(_ number: Int) { value(Int64(number)) }

  /// Writes an integer.
  public mutating func value(_ number: Int32) { value(Int64(number)) }

  private mutating func put(_ number: Int64) {
    if number < 0 { put(UInt8(ascii: "-")) }
    var rest = number.magnitude
    var length = 1
    var bound: UInt64 = 10
    while rest >= bound {
      length += 1
      let (next, overflows) = bound.multipliedReportingOverflow(by: 10)
      if overflows { break }
      bound = next
    }
    let place = extend(by: length)
    for position in stride(from: length - 1, through: 0, by: -1) {
      place[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }

  /// Writes `true` or `false`.
  public mutating func value(_ flag: Bool) {
    separate()
    if flag { put("true") } else { put("false") }
    needsComma = true
  }

  /// Writes `null`.
  public mutating func null() {
    separate()
    put("null")
    needsComma = true
  }

  /// Writes a string through `write`, which fills in at most `maximum` bytes that need no escaping (a timestamp, for
  /// example) and returns their number.
  public mutating func plainValue(
    maximum: Int,
    _ write: (UnsafeMutableBufferPointer<UInt8>) -> Int
  ) {
    separate()
    put(UInt8(ascii: "\""))
    let place = UnsafeMutableBufferPointer(start: extend(by: maximum), count: maximum)
    count -= maximum - write(place)
    put(UInt8(ascii: "\""))
    needsComma = true
  }

  /// Writes a parsed value.
  public mutating func value(_ json: JSONValue) {
    switch json {
    case .null: null()
    case .bool(let flag): value(flag)
    case .string(let text): value(text)
    case .number(let text):
      separate()
      put(unescaped: text)
      needsComma = true
    case .array(let elements):
      beginArray()
      for element in elements { value(element) }
      endArray()
    case .object(let object):
      beginObject()
      for member in object.members {
        name(member.name)
        value(member.value)
      }
      endObject()
    }
  }

  @inline(__always)
  private mutating func separate() {
    if needsComma { put(UInt8(ascii: ",")) }
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    put(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    put(bracket)
    needsComma = true
  }

  /// Copies runs that need no escaping as a whole.
  private mutating func putEscaped(_ text: UnsafeBufferPointer<UInt8>) {
    guard let source = text.baseAddress else { return }
    var run = 0
    while true {
      let end = Self.endOfRun(source, from: run, to: text.count)
      if end > run { put(source + run, end - run) }
      guard end < text.count else { return }
      putEscape(source[end])
      run = end + 1
    }
  }

  /// The place of the next byte that must be escaped.
  private static func endOfRun(
    _ text: UnsafePointer<UInt8>,
    from start: Int,
    to end: Int
  ) -> Int {
    let bytes = UnsafeRawPointer(text)
    var position = start
    while position &+ 8 <= end,
      !hasEscape(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    {
      position &+= 8
    }
    // What is left is part of the last eight bytes, if there are so many.
    if position &+ 8 > end, end &- start >= 8,
      !hasEscape(bytes.loadUnaligned(fromByteOffset: end &- 8, as: UInt64.self))
    {
      return end
    }
    while position < end {
      let byte = text[position]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
      position &+= 1
    }
    return position
  }

  /// Tells whether one of eight bytes must be escaped. Subtracting 0x20 from each, or 1 from what differs from a quote
  /// or a backslash, borrows from a byte's top bit where it is one of them (or stands above one).
  @inline(__always)
  private static func hasEscape(_ word: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let quote = word ^ (ones &* 0x22)
    let backslash = word ^ (ones &* 0x5C)
    let found =
      (word &- ones &* 0x20) & ~word | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash
    return found & (ones &* 0x80) != 0
  }

  private mutating func putEscape(_ byte: UInt8) {
    put(UInt8(ascii: "\\"))
    switch byte {
    case 0x0A: put(UInt8(ascii: "n"))
    case 0x0D: put(UInt8(ascii: "r"))
    case 0x09: put(UInt8(ascii: "t"))
    case 0..<0x20:
      let digit = byte & 0xF
      put("u00")
      put(UInt8(ascii: "0") + (byte >> 4))
      put(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    default: put(byte)
    }
  }
}

extension JSONWriter {
  /// Writes a duration in milliseconds with three digits after the point.
  public mutating func value(milliseconds microseconds: Int64) {
    separate()
    let (whole, fraction) = max(0, microseconds).quotientAndRemainder(dividingBy: 1000)
    put(whole)
    let place = extend(by: 4)
    place[0] = UInt8(ascii: ".")
    place[1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction / 100)
    place[2] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction / 10 % 10)
    place[3] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction % 10)
    needsComma = true
  }
}
