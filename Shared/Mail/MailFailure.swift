/// The reason why something cannot be used for mail. It never holds a password.
public struct MailFailure: Error, Equatable, CustomStringConvertible {
  /// One phrase that can follow the name of the setting or field.
  public let reason: String

  /// The reason.
  public var description: String { reason }

  init(_ reason: String) { self.reason = reason }
}
