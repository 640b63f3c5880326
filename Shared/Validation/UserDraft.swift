public import API
import Endpoint

/// A new user that is sound, but for the password's hash, which is made only when everything else is right.
public struct UserDraft: Sendable {
  /// 3 to 100 of letters, digits, `.`, `_`, `-`.
  public let username: String
  /// At most 255 characters.
  public let email: String
  /// 8 to 72 bytes. Hash it and forget it.
  public let password: String
  /// At most 255 characters.
  public let fullName: String?
  /// IANA name.
  public let timeZone: String
  /// Whether they are told things by e-mail.
  public let emailNotifications: Bool
  /// Whether they are told things in their browsers.
  public let pushNotifications: Bool
  /// What the user may do.
  public let role: Role

  /// Checks a request and fills in the defaults.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every bad field.
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
