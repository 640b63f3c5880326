import Values

/// The result of an attempt to deliver a notification, over all servers that it goes to.
enum DeliveryResult: Equatable {
  /// It has been taken over. The remark is why some of several servers have not.
  case delivered(remark: String? = nil)
  /// It failed, and is to be tried again, not before so many seconds. `hasArrived` is whether some server has it.
  case postponed(reason: String, atLeastSeconds: Int, hasArrived: Bool = false)
  /// No server was there to take it, which is no attempt; when to try again.
  case unavailable(reason: String, next: Instant, hasArrived: Bool = false)
  /// There is no point in trying again.
  case discarded(reason: String)

  /// The reason why it failed, or did not reach all servers.
  var reason: String? {
    switch self {
    case .delivered(let remark): remark
    case .postponed(let reason, _, _), .unavailable(let reason, _, _), .discarded(let reason):
      reason
    }
  }

  /// Whether no server was there to take it.
  var isUnavailable: Bool { if case .unavailable = self { true } else { false } }
}
