public import API
import Endpoint

/// A valid new user, but for the password's hash, which is made only when everything else is valid.
public struct UserDraft: Sendable {
  /// 3 to 100 of letters, digits, `.`, `_`, `-`.
  public let username: String
  /// At most 255 characters.
  public let email: String
  /// The password, 8 to 72 bytes. Hash it and forget it.
  public let password: String
  /// At most 255 characters.
  public let fullName: String?
  /// The IANA name of the time zone.
  public let timeZone: String
  /// Whether notifications are sent by e-mail.
  public let emailNotifications: Bool
  /// Whether notifications are sent to the user's browsers.
  public let pushNotifications: Bool
  /// The role.
  public let role: Role

  /// Checks a request and fills in the defaults.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public init(_ request: CreateUserRequest, role: Role = .user) throws {
    var violations = Violations()
    username = violations.username(request.username)
    email = violations.email(request.email)
    password = violations.password(request.password)
    fullName =
      request.hasFullName
      ? violations.text(request.fullName, "full_name", Bounds.User.fullName) : nil
    timeZone = request.hasTimeZone ? violations.timeZone(request.timeZone) : "UTC"
    emailNotifications = !request.hasEmailNotifications || request.emailNotifications
    pushNotifications = !request.hasPushNotifications || request.pushNotifications
    self.role = role
    try violations.check()
  }
}
