/// Fields that several messages have.
private enum Shared {
  static let refreshToken = FieldRule(
    "refresh_token",
    example: "AZ+Kbjxae42eL0prjA0eLwAAAAA.a-signature-of-43-characters"
  )
  static let userID = FieldRule(
    "user_id",
    format: "uuid",
    example: "019f8a6e-3c5a-7b1d-9e2f-4a6b8c0d1e2f"
  )
  static let typed = FieldRule("password", format: "password", example: "correct horse battery")
    .characters(1...Bounds.typedPasswordBytes.upperBound)
}

extension LoginRequest: RuledMessage {
  /// How to say who.
  public static var alternatives: [String] { ["username", "email"] }

  /// Who, in one of two ways, and the password.
  public static var rules: [FieldRule] {
    [
      FieldRule("username", example: "ada").characters(Bounds.typedName),
      FieldRule("email", example: "ada@example.com").characters(Bounds.typedName),
      Shared.typed.required,
    ]
  }
}

extension TokenResponse: RuledMessage {
  /// Everything is always there.
  public static var rules: [FieldRule] {
    [
      FieldRule("access_token", example: "eyJhbGciOiJIUzI1NiIsImtpZCI6Imsx…").required,
      Shared.refreshToken.required,
      FieldRule("token_type", example: "Bearer").values(["Bearer"]).required,
      FieldRule("expires_in", example: "86400").required, FieldRule("user").required,
    ]
  }
}

extension ValidateTokenRequest: RuledMessage {
  /// Which token.
  public static var rules: [FieldRule] {
    [
      FieldRule("token", example: "eyJhbGciOiJIUzI1NiIsImtpZCI6Imsx…").notEmpty
        .required
    ]
  }
}

extension ValidateTokenResponse: RuledMessage {
  /// Either what a good token says, or the reason why it does not count.
  public static var rules: [FieldRule] {
    [
      FieldRule("valid", example: "true").required,
      FieldRule("reason", example: "TOKEN_EXPIRED").neverNull.sometimes,
      Shared.userID.neverNull.sometimes, FieldRule("username", example: "ada").sometimes,
      FieldRule("role", example: "USER").neverNull.sometimes,
      FieldRule("expires_at", format: "date-time", example: "2026-11-23T10:00:00Z").neverNull
        .sometimes,
    ]
  }
}

extension RefreshTokenRequest: RuledMessage {
  /// Which token.
  public static var rules: [FieldRule] { [Shared.refreshToken.notEmpty.required] }
}

extension LogoutRequest: RuledMessage {
  /// Which session.
  public static var rules: [FieldRule] {
    [
      Shared.refreshToken.notEmpty.required,
      FieldRule("everywhere", example: "false"),
    ]
  }
}
