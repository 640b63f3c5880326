public import API
public import Endpoint

/// Valid changes to a user; fields that are `nil` stay as they are.
public struct UserChanges: Sendable {
  /// 3 to 100 of letters, digits, `.`, `_`, `-`.
  public let username: String?
  /// At most 255 characters.
  public let email: String?
  /// At most 255 characters, or none.
  public let fullName: String??
  /// The IANA name of the time zone.
  public let timeZone: String?
  /// Whether notifications are sent by e-mail.
  public let emailNotifications: Bool?
  /// Whether notifications are sent to the user's browsers.
  public let pushNotifications: Bool?
  /// The new password, 8 to 72 bytes. Hash it and forget it.
  public let password: String?
  /// The current password, when the caller must prove that they know it.
  public let currentPassword: String?
  /// The new role.
  public let role: Role?
  /// Whether other services must be told, because they keep a copy of something that changes.
  public var concernsOthers: Bool {
    email != nil || timeZone != nil || emailNotifications != nil || pushNotifications != nil
  }
  /// The version that the caller has seen.
  public let expectedVersion: Int64?

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field; `PERMISSION_DENIED` when somebody
  ///   who is not an admin gives a role.
  public init(_ request: UpdateUserRequest, caller: Caller) throws {
    var violations = Violations()
    let given = request.givenFields
    let changing = violations.changing(
      given,
      mask: request.hasUpdateMask ? request.updateMask : nil,
      replaceable: UpdateUserRequest.replaceableFields,
      others: UpdateUserRequest.otherFields
    )

    for field in ["username", "email"] where changing.contains(field) && !given.contains(field) {
      violations.add(field, "is required")
    }
    username = changing.contains("username") ? violations.username(request.username) : nil
    email = changing.contains("email") ? violations.email(request.email) : nil
    fullName =
      !changing.contains("full_name")
      ? nil
      : .some(
        request.hasFullName
          ? violations.text(request.fullName, "full_name", Bounds.User.fullName) : nil
      )
    timeZone =
      changing.contains("time_zone")
      ? violations.timeZone(request.hasTimeZone ? request.timeZone : "UTC") : nil
    emailNotifications =
      changing.contains("email_notifications")
      ? !request.hasEmailNotifications || request.emailNotifications : nil
    pushNotifications =
      changing.contains("push_notifications")
      ? !request.hasPushNotifications || request.pushNotifications : nil
    password = changing.contains("password") ? violations.password(request.password) : nil
    let givenRole = changing.contains("role") ? violations.named(request.role, "role") : nil
    if changing.contains("role"), givenRole == nil { violations.add("role", "is required") }
    // Whoever sends back the whole of their account, as they have read it, gives nobody a role.
    role = caller.role == .user && givenRole == .user ? nil : givenRole
    currentPassword = caller.role == .admin ? nil : request.currentPassword
    if password != nil, caller.role != .admin, request.currentPassword.isEmpty {
      violations.add("current_password", "is required to change the password")
    }
    expectedVersion = request.hasExpectedVersion ? request.expectedVersion : nil
    try violations.check()
    if role != nil, caller.role != .admin {
      throw Problem.permissionDenied("only an admin can give a role")
    }
  }
}

extension UpdateUserRequest {
  /// The changeable fields that are set.
  fileprivate var givenFields: Set<String> {
    var fields: Set<String> = []
    if hasUsername { fields.insert("username") }
    if hasEmail { fields.insert("email") }
    if hasFullName { fields.insert("full_name") }
    if hasTimeZone { fields.insert("time_zone") }
    if hasEmailNotifications { fields.insert("email_notifications") }
    if hasPushNotifications { fields.insert("push_notifications") }
    if hasPassword { fields.insert("password") }
    if role != .unspecified { fields.insert("role") }
    return fields
  }
}
