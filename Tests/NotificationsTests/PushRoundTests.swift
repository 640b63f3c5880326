import Testing
import Values

@testable import Notifications

struct `An attempt to serve a user's browsers` {
  private let now = Instant(seconds: 1_700_000_000)

  private func fate(hasArrived: Bool = false, _ change: (inout PushChannel.Round) -> Void) -> Fate {
    var round = PushChannel.Round(hasArrived: hasArrived)
    change(&round)
    return round.fate
  }

  @Test func `is a success when one has it and none is left`() {
    #expect(fate { $0.hasArrived = true } == .sent())
    #expect(fate(hasArrived: true) { $0.refusal = "HTTP 410" } == .sent(remark: "HTTP 410"))
  }

  @Test func `is the end when none has it and none is left`() {
    #expect(fate { $0.refusal = "HTTP 413" } == .givenUp(reason: "HTTP 413"))
    #expect(fate { _ in } == .givenUp(reason: "the user has no browser that takes messages"))
  }

  @Test func `is repeated after the longest wait that is asked for`() {
    let fate = fate { round in
      round.hasArrived = true
      round.postpone("HTTP 429", atLeastSeconds: 120)
      round.postpone("HTTP 503", atLeastSeconds: 0)
    }
    #expect(fate == .postponed(reason: "HTTP 503", atLeastSeconds: 120, hasArrived: true))
  }

  @Test func `is none when nobody was there, and goes on at the earliest time`() {
    let fate = fate { round in
      round.leave("one", until: now.adding(seconds: 60))
      round.leave("other", until: now.adding(seconds: 30))
    }
    #expect(fate == .unattended(reason: "other", next: now.adding(seconds: 30)))
  }

  @Test func `is one when somebody was there`() {
    let fate = fate { round in
      round.leave("one", until: now)
      round.postpone("HTTP 500", atLeastSeconds: 0)
    }
    #expect(fate == .postponed(reason: "HTTP 500", atLeastSeconds: 0))
  }
}
