import Testing
import Values

@testable import Notifications

struct `An attempt to serve a user's browsers` {
  private let now = Instant(seconds: 1_700_000_000)

  private func result(
    hasArrived: Bool = false,
    _ change: (inout PushChannel.Round) -> Void
  ) -> DeliveryResult {
    var round = PushChannel.Round(hasArrived: hasArrived)
    change(&round)
    return round.result
  }

  @Test func `is a success when one has it and none is left`() {
    #expect(result { $0.hasArrived = true } == .delivered())
    #expect(result(hasArrived: true) { $0.refusal = "HTTP 410" } == .delivered(remark: "HTTP 410"))
  }

  @Test func `is the end when none has it and none is left`() {
    #expect(result { $0.refusal = "HTTP 413" } == .discarded(reason: "HTTP 413"))
    #expect(result { _ in } == .discarded(reason: "the user has no browser that takes messages"))
  }

  @Test func `is repeated after the longest wait that is asked for`() {
    let result = result { round in
      round.hasArrived = true
      round.postpone("HTTP 429", atLeastSeconds: 120)
      round.postpone("HTTP 503", atLeastSeconds: 0)
    }
    #expect(result == .postponed(reason: "HTTP 503", atLeastSeconds: 120, hasArrived: true))
  }

  @Test func `is none when nobody was there, and goes on at the earliest time`() {
    let result = result { round in
      round.leave("one", until: now.adding(seconds: 60))
      round.leave("other", until: now.adding(seconds: 30))
    }
    #expect(result == .unavailable(reason: "other", next: now.adding(seconds: 30)))
  }

  @Test func `is one when somebody was there`() {
    let result = result { round in
      round.leave("one", until: now)
      round.postpone("HTTP 500", atLeastSeconds: 0)
    }
    #expect(result == .postponed(reason: "HTTP 500", atLeastSeconds: 0))
  }
}
