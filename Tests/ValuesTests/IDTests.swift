import Testing
import Values

struct IDs {
  /// Returns the given numbers in turn, again and again.
  struct Fixed: RandomNumberGenerator {
    let numbers: [UInt64]
    var count = 0

    init(_ numbers: UInt64...) { self.numbers = numbers }

    mutating func next() -> UInt64 {
      defer { count += 1 }
      return numbers[count % numbers.count]
    }
  }

  /// RFC 9562 appendix A.6, to the digit.
  ///
  /// The random numbers are in the upper bits, from which the standard library takes as many as it needs.
  @Test func `the version 7 example of RFC 9562 comes out`() throws {
    let now = try Instant(rfc3339: "2022-02-22T14:22:22-05:00")
    var random = Fixed(0xCC3 << 52, 0x18C4_DC0C_0C07_398F << 2)
    #expect(ID(at: now, random: &random).text == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
  }

  @Test(arguments: [0, UInt64.max, 0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA])
  func `say version 7 and variant 10 whatever the random bits are`(bits: UInt64) throws {
    var random = Fixed(bits)
    let digits = Array(ID(at: Instant(seconds: 1_700_000_000), random: &random).text)
    #expect(digits.count == 36)
    #expect(digits.enumerated().filter { $0.element == "-" }.map(\.offset) == [8, 13, 18, 23])
    #expect(digits[14] == "7")
    #expect("89ab".contains(digits[19]))
  }

  @Test func `begin with the milliseconds since 1970`() throws {
    var random = SystemRandomNumberGenerator()
    let id = ID(at: Instant(microseconds: 0x0123_4567_89AB * 1000 + 999), random: &random)
    #expect(id.text.hasPrefix("01234567-89ab-7"))
  }

  @Test func `made later sort behind`() {
    var random = SystemRandomNumberGenerator()
    let ids = (0..<200).map {
      ID(at: Instant(microseconds: 1_700_000_000_000_000 + $0 * 1000), random: &random).text
    }
    #expect(ids == ids.sorted())
  }

  @Test func `made in the same millisecond differ`() {
    var random = SystemRandomNumberGenerator()
    let ids = (0..<1000).map { _ in ID(at: Instant(seconds: 1), random: &random) }
    #expect(Set(ids).count == 1000)
  }

  @Test func `are read back as they were written`() throws {
    var random = SystemRandomNumberGenerator()
    let id = ID(at: Instant(seconds: 1_700_000_000), random: &random)
    #expect(ID(id.text) == id)
    #expect("\(id)" == id.text)
  }

  @Test func `in upper case are the same ids`() throws {
    let id = try #require(ID("C232AB00-9414-11EC-B3C8-9F6BDECED846"))
    #expect(id.text == "c232ab00-9414-11ec-b3c8-9f6bdeced846")
    #expect(id == ID("c232ab00-9414-11ec-B3C8-9f6bdeced846"))
  }

  @Test(arguments: [
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "919108f7-52d1-4320-9bac-f847db4148a8",
  ])
  func `may be of any version`(text: String) { #expect(ID(text)?.text == text) }

  @Test(arguments: [
    "", "1", "c232ab00-9414-11ec-b3c8-9f6bdeced84", "c232ab00-9414-11ec-b3c8-9f6bdeced8466",
    "c232ab00941411ecb3c89f6bdeced846", "{c232ab00-9414-11ec-b3c8-9f6bdeced846}",
    "urn:uuid:c232ab00-9414-11ec-b3c8-9f6bdeced846", "c232ab0-09414-11ec-b3c8-9f6bdeced846",
    "c232ab00-9414-11ec-b3c8-9f6bdeced84g", "c232ab00-9414-11ec-b3c8-9f6bdeced84 ",
    " c232ab00-9414-11ec-b3c8-9f6bdeced846", "c232ab00-9414-11ec-b3c8-9f6bdeced846\n",
    "c232ab00–9414–11ec–b3c8–9f6bdeced846", "c232ab00-9414-11ec-b3c8-9f6bdeced84\u{0}",
    "c232ab00-9414-11ec-b3c8-9f6bdeced84６", "c232ab00_9414_11ec_b3c8_9f6bdeced846",
    "------------------------------------",
  ])
  func `are nothing else than UUIDs`(text: String) { #expect(ID(text) == nil) }
}
