import Testing
import Values

struct `RFC 3339 timestamps` {
  /// A text and the microseconds since 1970 that it stands for.
  struct Example: CustomTestStringConvertible, Sendable {
    let text: String
    let microseconds: Int64

    init(_ text: String, _ microseconds: Int64) {
      self.text = text
      self.microseconds = microseconds
    }

    var testDescription: String { text }
  }

  @Test(arguments: [
    // RFC 3339 §5.8, but for its leap seconds.
    Example("1985-04-12T23:20:50.52Z", 482_196_050_520_000),
    Example("1996-12-19T16:39:57-08:00", 851_042_397_000_000),
    Example("1996-12-20T00:39:57Z", 851_042_397_000_000),
    Example("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130_000),
    // The limits of what can be expressed.
    Example("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    Example("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    Example("1970-01-01T00:00:00Z", 0),
    Example("1969-12-31T23:59:59.999999Z", -1),
    Example("2038-01-19T03:14:08Z", 2_147_483_648_000_000),
    // Offsets.
    Example("1970-01-01T00:00:00+23:59", -86_340_000_000),
    Example("1970-01-01T00:00:00-23:59", 86_340_000_000),
    Example("1970-01-01T05:30:00+05:30", 0),
    Example("1970-01-01T00:00:00+00:00", 0),
    Example("1970-01-01T00:00:00-00:00", 0),
    Example("0001-01-01T01:00:00+01:00", -62_135_596_800_000_000),
    // Fractions, of which microseconds count.
    Example("1970-01-01T00:00:00.5Z", 500_000),
    Example("1970-01-01T00:00:00.000001Z", 1),
    Example("1970-01-01T00:00:00.0000019Z", 1),
    Example("1970-01-01T00:00:00.99999999999999999999999999999999999999Z", 999_999),
    // RFC 3339 §5.6: the letters may be small.
    Example("1970-01-01t00:00:01z", 1_000_000),
    Example("1970-01-01t01:00:00.25+01:00", 250_000),
  ])
  func `are read`(example: Example) throws {
    #expect(try Instant(rfc3339: example.text).microseconds == example.microseconds)
  }

  @Test(arguments: [
    ("2026-02-29T00:00:00Z", "day"), ("2026-02-30T00:00:00Z", "day"),
    ("1900-02-29T00:00:00Z", "day"), ("2026-04-31T00:00:00Z", "day"),
    ("2026-01-32T00:00:00Z", "day"), ("2026-01-00T00:00:00Z", "day"),
    ("2026-00-01T00:00:00Z", "month"), ("2026-13-01T00:00:00Z", "month"),
    ("0000-01-01T00:00:00Z", "year"), ("2026-01-01T24:00:00Z", "hour"),
    ("2026-01-01T00:60:00Z", "minute"), ("2026-01-01T00:00:61Z", "second"),
    ("1990-12-31T23:59:60Z", "second"), ("1990-12-31T15:59:60-08:00", "second"),
    ("2026-01-01T00:00:00+24:00", "offset hour"), ("2026-01-01T00:00:00+23:60", "offset minute"),
  ])
  func `that cannot be are refused by the part that is wrong`(text: String, part: String) throws {
    let error = try #require(throws: Instant.Malformed.self) { try Instant(rfc3339: text) }
    #expect(error.reason.hasPrefix("has an impossible \(part): "))
  }

  @Test(arguments: [
    "2026-01-01T00:00:00", "2026-01-01T00:00:00.5",
  ])
  func `without an offset are refused`(text: String) throws {
    let error = try #require(throws: Instant.Malformed.self) { try Instant(rfc3339: text) }
    #expect(error.reason.contains("no offset"))
  }

  @Test(arguments: [
    "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.9-23:59",
  ])
  func `that their offset moves out of the years 1 to 9999 are refused`(text: String) throws {
    let error = try #require(throws: Instant.Malformed.self) { try Instant(rfc3339: text) }
    #expect(error.reason == "is outside the years 1 to 9999")
  }

  @Test(arguments: [
    "", " ", "now", "2026", "2026-01-01", "2026-01-01T00:00Z", "2026-01-01 00:00:00Z",
    "2026-1-1T00:00:00Z", "26-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "+2026-01-01T00:00:00Z",
    "-2026-01-01T00:00:00Z", "2026/01/01T00:00:00Z", "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00ZZ", "2026-01-01T00:00:00Z ",
    " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+0100",
    "2026-01-01T00:00:00+01", "2026-01-01T00:00:00 UTC", "20260101T000000Z",
    "2026-01-01T00:00:00Z\u{0}", "２０２６-01-01T00:00:00Z", "2026-01-01T00:00:00−01:00", "1767225600",
    "2026-W01-1T00:00:00Z", "2026-001T00:00:00Z",
  ])
  func `of another form are refused`(text: String) throws {
    let error = try #require(throws: Instant.Malformed.self) { try Instant(rfc3339: text) }
    #expect(error.reason.hasPrefix("is not an RFC 3339 timestamp"))
  }

  @Test(arguments: [
    Example("1970-01-01T00:00:00Z", 0),
    Example("1970-01-01T00:00:00.500Z", 500_000),
    Example("1970-01-01T00:00:00.001Z", 1000),
    Example("1970-01-01T00:00:00.000001Z", 1),
    Example("1970-01-01T00:00:00.120300Z", 120_300),
    Example("1969-12-31T23:59:59Z", -1_000_000),
    Example("1969-12-31T23:59:59.999999Z", -1),
    Example("1969-12-31T23:59:59.001Z", -999_000),
    Example("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    Example("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    Example("2000-02-29T12:34:56Z", 951_827_696_000_000),
  ])
  func `are written with 0, 3 or 6 digits, whatever says it shortest`(example: Example) {
    #expect(Instant(microseconds: example.microseconds).rfc3339 == example.text)
  }

  @Test func `a year of four digits keeps its zeros`() throws {
    #expect(try Instant(rfc3339: "0099-12-31T00:00:00Z").rfc3339 == "0099-12-31T00:00:00Z")
  }

  /// Walks the calendar a day at a time, counting by hand, and asks at every seventeenth day and around
  /// the end of each February.
  @Test func `every day of 1600 to 2400 is where the calendar has it`() throws {
    var (year, month, day) = (1600, 1, 1)
    var seconds: Int64 = -11_676_096_000
    var number = 0
    while year <= 2400 {
      let isLeap = year.isMultiple(of: 4) && !year.isMultiple(of: 100) || year.isMultiple(of: 400)
      let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
      if number.isMultiple(of: 17) || (month == 2 && day >= 28) || (month == 3 && day == 1) {
        let text = "\(year)-\(twoDigits(month))-\(twoDigits(day))T00:00:00Z"
        try #require(try Instant(rfc3339: text) == Instant(seconds: seconds))
        try #require(Instant(seconds: seconds).rfc3339 == text)
      }
      number += 1
      seconds += 86_400
      day += 1
      if day > lengths[month - 1] { (month, day) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    #expect(number == 2 * 146_097 + 366)
  }

  private func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

struct Instants {
  @Test(arguments: [
    (0, 0), (999_999, 0), (1_000_000, 1), (-1, -1), (-1_000_000, -1), (-1_000_001, -2),
  ])
  func `round down to seconds, before 1970 too`(microseconds: Int64, seconds: Int64) {
    #expect(Instant(microseconds: microseconds).seconds == seconds)
  }

  @Test func `are ordered by time`() {
    let instant = Instant(seconds: 10)
    #expect(instant.adding(seconds: -1) < instant)
    #expect(instant < instant.adding(seconds: 1))
    #expect(instant.adding(seconds: 0) == instant)
  }
}
