/// The text form of an `Instant`. Source: RFC 3339 §5.6.
extension Instant {
  /// The reason why a text is not an instant, as a phrase that can follow "due_date: ".
  public struct Malformed: Error, Equatable {
    /// The phrase.
    public let reason: String
  }

  /// Reads `2026-11-22T10:00:00Z`, with any offset and any number of fractional digits.
  ///
  /// Digits beyond microseconds are dropped. The result is in the years 1 to 9999. A leap second
  /// (`:60`) is refused: PostgreSQL would move it to the next day.
  ///
  /// - Throws: `Malformed`.
  public init(rfc3339 text: some StringProtocol) throws {
    var digits = Digits(utf8: Array(text.utf8))
    let year = try digits.number(4, in: 1...9999, "year", then: "-")
    let month = try digits.number(2, in: 1...12, "month", then: "-")
    let lastDay = Self.daysInMonth(month, of: year)
    let day = try digits.number(2, in: 1...lastDay, "day", then: "Tt")
    let hour = try digits.number(2, in: 0...23, "hour", then: ":")
    let minute = try digits.number(2, in: 0...59, "minute", then: ":")
    let second = try digits.number(2, in: 0...59, "second")
    let fraction = try digits.fraction()
    let offsetMinutes = try digits.offsetMinutes()
    let days = Self.daysSinceEpoch(year: year, month: month, day: day)
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offsetMinutes * 60
    guard Self.representable.contains(seconds) else {
      throw Malformed(reason: "is outside the years 1 to 9999")
    }
    self.init(microseconds: Int64(seconds) * 1_000_000 + Int64(fraction))
  }

  /// The text form in UTC with `Z`, and with as few of 0, 3 or 6 fractional digits as lose nothing.
  public var rfc3339: String {
    String(unsafeUninitializedCapacity: Self.maximumLength) { write(to: $0) }
  }

  /// The length of the longest `rfc3339` in bytes: `YYYY-MM-DDThh:mm:ss.ffffffZ`.
  public static let maximumLength = 27

  /// Writes `rfc3339` to a buffer with room for `maximumLength` bytes.
  ///
  /// - Returns: the number of bytes written.
  public func write(to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    guard buffer.count >= Self.maximumLength, let start = buffer.baseAddress else { return 0 }
    let seconds = self.seconds
    let fraction = Int(microseconds - seconds * 1_000_000)
    let (days, secondOfDay) = Self.floorDivide(Int(seconds), by: 86_400)
    let (year, month, day) = Self.date(daysSinceEpoch: days)
    Self.put(year / 100, at: start)
    Self.put(year % 100, at: start + 2)
    start[4] = UInt8(ascii: "-")
    Self.put(month, at: start + 5)
    start[7] = UInt8(ascii: "-")
    Self.put(day, at: start + 8)
    start[10] = UInt8(ascii: "T")
    Self.put(secondOfDay / 3600, at: start + 11)
    start[13] = UInt8(ascii: ":")
    Self.put(secondOfDay / 60 % 60, at: start + 14)
    start[16] = UInt8(ascii: ":")
    Self.put(secondOfDay % 60, at: start + 17)
    var end = 19
    if fraction != 0 {
      start[19] = UInt8(ascii: ".")
      Self.put(fraction / 10_000, at: start + 20)
      Self.put(fraction / 100 % 100, at: start + 22)
      Self.put(fraction % 100, at: start + 24)
      end = fraction % 1000 == 0 ? 23 : 26
    }
    start[end] = UInt8(ascii: "Z")
    return end + 1
  }

  /// Writes a number as two digits.
  private static func put(_ number: Int, at place: UnsafeMutablePointer<UInt8>) {
    place[0] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / 10)
    place[1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number % 10)
  }

  /// The seconds from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
  private static let representable = -62_135_596_800...253_402_300_799

  private static func floorDivide(_ number: Int, by divisor: Int) -> (quotient: Int, remainder: Int)
  {
    let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  private static func daysInMonth(_ month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years start in March here, so
  /// that the leap day is the last day of one; 400 years are 146,097 days.
  private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
    let marchYear = month <= 2 ? year - 1 : year
    let era = floorDivide(marchYear, by: 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = era.remainder * 365 + era.remainder / 4 - era.remainder / 100 + dayOfYear
    return era.quotient * 146_097 + dayOfEra - 719_468
  }

  /// The inverse of `daysSinceEpoch(year:month:day:)`.
  private static func date(daysSinceEpoch days: Int) -> (year: Int, month: Int, day: Int) {
    let (era, dayOfEra) = floorDivide(days + 719_468, by: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
  }
}

/// Reads the parts of a timestamp from left to right.
private struct Digits {
  let utf8: [UInt8]
  var position = 0

  init(utf8: [UInt8]) { self.utf8 = utf8 }

  private static let form = Instant.Malformed(
    reason: "is not an RFC 3339 timestamp such as 2026-11-22T10:00:00Z"
  )

  private mutating func next() -> UInt8? {
    guard position < utf8.count else { return nil }
    defer { position += 1 }
    return utf8[position]
  }

  private mutating func digit() -> Int? {
    guard position < utf8.count, case 0x30...0x39 = utf8[position] else { return nil }
    defer { position += 1 }
    return Int(utf8[position]) - 0x30
  }

  mutating func number(
    _ count: Int,
    in range: ClosedRange<Int>,
    _ name: String,
    then separators: String? = nil
  ) throws -> Int {
    var number = 0
    for _ in 0..<count {
      guard let digit = digit() else { throw Self.form }
      number = number * 10 + digit
    }
    if let separators {
      guard let separator = next(), separators.utf8.contains(separator) else { throw Self.form }
    }
    guard range.contains(number) else {
      throw Instant.Malformed(
        reason:
          "has an impossible \(name): \(number) is not in \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return number
  }

  /// Reads the optional fraction in microseconds.
  mutating func fraction() throws -> Int {
    guard position < utf8.count, utf8[position] == UInt8(ascii: ".") else { return 0 }
    position += 1
    var microseconds = 0
    var scale = 100_000
    var any = false
    while let digit = digit() {
      any = true
      microseconds += digit * scale
      scale /= 10
    }
    guard any else { throw Self.form }
    return microseconds
  }

  mutating func offsetMinutes() throws -> Int {
    let sign: Int
    switch next() {
    case UInt8(ascii: "Z"), UInt8(ascii: "z"): sign = 0
    case UInt8(ascii: "+"): sign = 1
    case UInt8(ascii: "-"): sign = -1
    case nil: throw Instant.Malformed(reason: "has no offset: end it with Z or one such as +02:00")
    default: throw Self.form
    }
    var minutes = 0
    if sign != 0 {
      let hour = try number(2, in: 0...23, "offset hour", then: ":")
      minutes = sign * (hour * 60 + (try number(2, in: 0...59, "offset minute")))
    }
    guard position == utf8.count else { throw Self.form }
    return minutes
  }
}
