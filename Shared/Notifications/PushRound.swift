import Values

extension PushChannel {
  /// The progress of an attempt to serve the browsers of one user.
  struct Round {
    /// Whether some browser has the message, now or from before.
    var hasArrived: Bool
    /// The reason why a browser will never take it.
    var refusal: String?
    /// Push services that could not be reached, and until when they are left alone.
    var isAway: [String: Instant] = [:]
    /// Push services that have answered.
    var isBack: Set<String> = []
    private var postponed: (reason: String, atLeastSeconds: Int)?
    private var left: (reason: String, next: Instant)?

    init(hasArrived: Bool) { self.hasArrived = hasArrived }

    /// Notes that a push service wants the message to be tried again. The longest wait counts.
    mutating func postpone(_ reason: String, atLeastSeconds: Int) {
      let longest = max(postponed?.atLeastSeconds ?? 0, atLeastSeconds)
      postponed = (reason, longest)
    }

    /// Notes that a browser was not tried, or that its push service is away. The earliest time counts.
    mutating func leave(_ reason: String, until next: Instant) {
      left = (reason, min(left?.next ?? next, next))
    }

    /// The result for the message, from all browsers.
    var result: DeliveryResult {
      if let (reason, seconds) = postponed {
        .postponed(reason: reason, atLeastSeconds: seconds, hasArrived: hasArrived)
      } else if let (reason, next) = left {
        .unavailable(reason: reason, next: next, hasArrived: hasArrived)
      } else if hasArrived {
        .delivered(remark: refusal)
      } else {
        .discarded(reason: refusal ?? "the user has no browser that takes messages")
      }
    }
  }
}
