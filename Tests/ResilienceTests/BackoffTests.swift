import Testing
import Values

@testable import Resilience

struct `A backoff` {
  private let now = Instant(seconds: 1_700_000_000)

  /// The pauses after 1, 2, 3… attempts, in seconds.
  private func pauses(_ backoff: Backoff, _ count: Int) -> [Int64] {
    (1...count).map { backoff.next(afterAttempts: $0, at: now).seconds - now.seconds }
  }

  @Test func `of a delivery doubles up to an hour, and half of it is drawn at random`() {
    for (attempts, seconds) in [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (99, 3600)] {
      let drawn = (0..<100).map { _ in
        Backoff.delivery.next(afterAttempts: attempts, at: now).microseconds - now.microseconds
      }
      let whole = Int64(seconds) * 1_000_000
      #expect(drawn.allSatisfy { (whole / 2...whole).contains($0) })
      #expect(Set(drawn).count > 1)
    }
  }

  @Test func `is not shorter than the other side asks for`() {
    #expect(Backoff.delivery.next(at: now, atLeastSeconds: 7200) == now.adding(seconds: 7200))
    #expect(Backoff.delivery.next(at: now, atLeastSeconds: 1) >= now.adding(seconds: 15))
  }

  @Test func `of a push service doubles up to eight minutes, and nothing of it is drawn`() {
    #expect(pauses(.pushService, 7) == [30, 60, 120, 240, 480, 480, 480])
    #expect(Backoff.pushService.next(afterAttempts: 0, at: now) == now.adding(seconds: 30))
  }

  @Test(arguments: [
    (Backoff.unavailable, Int64(30)), (.slowRecipient, 60), (.serviceOutage, 5),
  ])
  func `that is constant is the same after each attempt`(backoff: Backoff, seconds: Int64) {
    #expect(pauses(backoff, 12) == Array(repeating: seconds, count: 12))
  }

  @Test func `that is all drawn may be empty, and is no longer than the pause`() {
    /// Draws the lowest number of a range, then the highest. 0 itself would be drawn again, to be fair.
    struct Ends: RandomNumberGenerator {
      var numbers: [UInt64] = [2, .max]
      mutating func next() -> UInt64 { numbers.removeFirst() }
    }
    var random = Ends()
    let drawn = (0..<2).map { _ in
      Backoff.call.pauseMicroseconds(afterAttempts: 2, random: &random)
    }
    #expect(drawn == [0, 40_000])
  }
}
