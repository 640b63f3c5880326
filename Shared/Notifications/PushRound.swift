import Values

extension PushChannel {
  /// How an attempt to serve the browsers of one user goes.
  struct Round {
    /// Whether some browser has the message, now or from before.
    var hasArrived: Bool
    /// Why a browser will never take it.
    var refusal: String?
    /// Push services that could not be reached, and until when they are left alone.
    var isAway: [String: Instant] = [:]
    /// Push services that have answered.
    var isBack: Set<String> = []
    private var postponed: (reason: String, atLeastSeconds: Int)?
    private var left: (reason: String, next: Instant)?

    init(hasArrived: Bool) { self.hasArrived = hasArrived }

    /// A browser's push service wants it to be tried again; the longest wait counts.
    mutating func postpone(_ reason: String, atLeastSeconds: Int) {
      let longest = max(postponed?.atLeastSeconds ?? 0, atLeastSeconds)
      postponed = (reason, longest)
    }

    /// A browser was not tried, or its push service is away; the earliest time counts.
    mutating func leave(_ reason: String, until next: Instant) {
      left = (reason, min(left?.next ?? next, next))
    }

    /// What becomes of the message now.
    var fate: Fate {
      if let (reason, seconds) = postponed {
        .postponed(reason: reason, atLeastSeconds: seconds, hasArrived: hasArrived)
      } else if let (reason, next) = left {
        .unattended(reason: reason, next: next, hasArrived: hasArrived)
      } else if hasArrived {
        .sent(remark: refusal)
      } else {
        .givenUp(reason: refusal ?? "the user has no browser that takes messages")
      }
    }
  }
}
