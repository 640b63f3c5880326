/// The meaning of one server's answer to a message, or of its absence.
public enum DeliveryOutcome: Equatable, Sendable {
  /// The server has taken the message over.
  case delivered
  /// The server works, but does not take this message now. It may come again, perhaps not before so many seconds.
  case postponed(reason: String, afterSeconds: Int?)
  /// The server will never take this message, so there is no point in trying again.
  case refused(reason: String)
  /// The server will never take this message, nor any other to this recipient: the subscription has ended.
  case gone(reason: String)
  /// The server does not work at the moment, so it would not take another message either.
  case unreachable(reason: String)
}
