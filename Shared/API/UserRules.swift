/// Fields that several messages have.
private enum Shared {
  static let id = FieldRule("id", format: "uuid", example: "019f8a6e-3c5a-7b1d-9e2f-4a6b8c0d1e2f")
  static let username = FieldRule("username", example: "ada").characters(Bounds.username)
    .pattern("^[A-Za-z0-9._-]*$")
  static let email = FieldRule("email", format: "email", example: "ada@example.com")
    .characters(Bounds.email).pattern("^[^\\u0000]*$")
  static let fullName = FieldRule("full_name", example: "Ada Lovelace").characters(Bounds.fullName)
  static let timeZone = FieldRule("time_zone", format: "time-zone", example: "Europe/Berlin")
    .defaulting(to: "UTC")
  /// Its bounds are in bytes, which JSON Schema cannot count; but no byte has two characters.
  static let password = FieldRule("password", format: "password", example: "correct horse battery")
    .atMostCharacters(Bounds.passwordBytes.upperBound)
  static let channels = ["email_notifications", "push_notifications"].map { FieldRule($0) }
}

extension UserMessage: RuledMessage {
  /// Everything is always there.
  public static var rules: [FieldRule] {
    [
      Shared.id.required, Shared.username.required, Shared.email.required,
      FieldRule("full_name", example: "Ada Lovelace"),
      FieldRule("role", example: "USER").required,
      FieldRule("time_zone", example: "Europe/Berlin").required,
    ] + .timesAndVersion + Shared.channels.map { $0.required.showing("true") }
  }
}

extension ListUsersResponse: RuledMessage {
  /// A page.
  public static var rules: [FieldRule] {
    [FieldRule("users").required, FieldRule("next_page_token", example: "").required]
  }
}

extension CreateUserRequest: RuledMessage {
  /// Who signs up.
  public static var rules: [FieldRule] {
    [
      Shared.username.required, Shared.email.required, Shared.password.required, Shared.fullName,
      Shared.timeZone,
    ] + Shared.channels.map { $0.defaulting(to: "true").rare }
  }
}

extension GetUserRequest: RuledMessage {
  /// Which user.
  public static var rules: [FieldRule] { [Shared.id.required] }
}

extension DeleteUserRequest: RuledMessage {
  /// Which user.
  public static var rules: [FieldRule] { [Shared.id.required] }
}

extension UpdateUserRequest: RuledMessage {
  /// Which user, and what changes.
  public static var rules: [FieldRule] {
    [
      Shared.id.required, Shared.username.requiredToReplace, Shared.email.requiredToReplace,
      Shared.fullName, Shared.timeZone,
      Shared.password.neverNull.rare,
      FieldRule("current_password", format: "password", example: "correct horse battery").rare,
      FieldRule("role", example: "USER").neverNull.rare,
    ] + Shared.channels.map { $0.defaulting(to: "true").rare }
  }
}

extension UnsubscribeRequest: RuledMessage {
  /// Whose mail.
  public static var rules: [FieldRule] { [FieldRule("token").notEmpty.required] }
}

extension ListUsersRequest: RuledMessage {
  /// Which page.
  public static var rules: [FieldRule] { .page }
}

extension [FieldRule] {
  /// What every resource ends with.
  static var timesAndVersion: [FieldRule] {
    [
      FieldRule("created_at", format: "date-time", example: "2026-11-22T10:00:00.123456Z").required,
      FieldRule("updated_at", format: "date-time", example: "2026-11-22T10:00:00.123456Z").required,
      FieldRule("version", example: "1").required,
    ]
  }

  /// Which page of a list.
  static var page: [FieldRule] {
    [
      FieldRule("page_size", example: "20").range(Bounds.pageSize)
        .defaulting(to: "\(Bounds.defaultPageSize)"),
      FieldRule("page_token", format: "page-token"),
    ]
  }
}
