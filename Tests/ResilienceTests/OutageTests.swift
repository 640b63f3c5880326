import Testing

@testable import Resilience

struct `A database that is unavailable` {
  /// Draws the shortest pause each time. 0 itself would be drawn again, to be fair.
  private struct Lowest: RandomNumberGenerator {
    mutating func next() -> UInt64 { 2 }
  }

  @Test func `is asked without hurry as long as it answers`() {
    var outage = Outage()
    #expect(outage.millisecondsToWait == 700)
    outage.ended()
    #expect(outage.millisecondsToWait == 700)
  }

  @Test func `is left alone for half a second at least, and then asked briefly`() async throws {
    var outage = Outage()
    var random = Lowest()
    let start = ContinuousClock.now
    outage.noticed(random: &random)
    var wait: Int?
    while wait == nil {
      wait = outage.millisecondsToWait
      if wait == nil { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(wait == 40)
    #expect(ContinuousClock.now - start >= .milliseconds(499))
    outage.noticed(random: &random)
    #expect(outage.millisecondsToWait == nil)
    outage.ended()
    #expect(outage.millisecondsToWait == 700)
  }
}
