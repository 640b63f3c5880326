/// The meaning of one server's answer to a message, or of its absence.
public enum DeliveryOutcome: Equatable, Sendable {
  /// The server has accepted the message.
  case delivered
  /// The server works, but does not accept this message now. It may be sent again, perhaps only after some seconds.
  case postponed(reason: String, afterSeconds: Int?)
  /// The server will never accept this message, so there is no point in trying again.
  case refused(reason: String)
  /// The server will never accept this message, nor any other to this recipient: the subscription has ended.
  case gone(reason: String)
  /// The server does not work at the moment, so it would not accept another message either.
  case unreachable(reason: String)
}
