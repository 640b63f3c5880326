/// What became of an attempt to deliver a message.
public enum DeliveryOutcome: Equatable, Sendable {
  /// The other side has taken it over.
  case delivered
  /// Not now: the other side works, and says that this message may come again, perhaps not before so many seconds.
  case postponed(reason: String, afterSeconds: Int?)
  /// Never: trying again would change nothing.
  case refused(reason: String)
  /// Never, and no other message to this recipient: the subscription has ended.
  case gone(reason: String)
  /// The other side does not work at the moment, so neither would it for another message.
  case unreachable(reason: String)
}
