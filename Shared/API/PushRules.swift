/// Fields that several messages have.
private enum Shared {
  static let id = FieldRule("id", format: "uuid", example: "019f8a72-7c1d-7e4f-8a2b-3c4d5e6f7a8b")
  static let userID = FieldRule(
    "user_id",
    format: "uuid",
    example: "019f8a6e-3c5a-7b1d-9e2f-4a6b8c0d1e2f"
  )
  static let endpoint = FieldRule(
    "endpoint",
    format: "push-endpoint",
    example: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"
  )
  .characters(Bounds.endpoint).pattern("^[Hh][Tt][Tt][Pp][Ss]://[!-~]+$")
}

extension SendPushNotificationRequest: RuledMessage {
  /// What to say to whom.
  public static var rules: [FieldRule] {
    [
      Shared.userID.required,
      FieldRule("subject", example: "The report").characters(Bounds.subject)
        .pattern(#"^[^\u0000-\u001f\u007f]*$"#).required,
      FieldRule("body", example: "It is ready.").characters(Bounds.pushBody),
    ]
  }
}

extension RegisterPushSubscriptionRequest: RuledMessage {
  /// What a browser says.
  public static var rules: [FieldRule] {
    [
      Shared.endpoint.required, FieldRule("expirationTime").range(Bounds.expirationTime),
      FieldRule("keys").required,
    ]
  }

  /// The keys.
  public static var inner: [any RuledMessage.Type] { [PushKeys.self] }
}

extension PushKeys: RuledMessage {
  /// Both keys. Some browsers fill them up with `=`.
  public static var rules: [FieldRule] {
    [
      FieldRule(
        "p256dh",
        format: "push-p256dh",
        example:
          "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
      )
      .characters(87...88).pattern("^[A-Za-z0-9_-]{87}=?$").required,
      FieldRule("auth", format: "push-auth", example: "BTBZMqHH6r4Tts7J_aSIgg")
        .characters(22...24).pattern("^[A-Za-z0-9_-]{21}[AQgw](==)?$").required,
    ]
  }
}

extension GetPushKeyRequest: RuledMessage {}
extension ListPushSubscriptionsRequest: RuledMessage {}

extension DeletePushSubscriptionRequest: RuledMessage {
  /// Which subscription.
  public static var rules: [FieldRule] { [Shared.id.required] }
}

extension PushKeyMessage: RuledMessage {
  /// The key.
  public static var rules: [FieldRule] {
    [
      FieldRule(
        "public_key",
        example:
          "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
      ).required
    ]
  }
}

extension PushSubscriptionMessage: RuledMessage {
  /// Everything is always there.
  public static var rules: [FieldRule] {
    [
      Shared.id.required, Shared.userID.required, Shared.endpoint.required,
      FieldRule("created_at", format: "date-time", example: "2026-11-22T10:00:00.123456Z").required,
      FieldRule("expires_at", format: "date-time"),
    ]
  }
}

extension ListPushSubscriptionsResponse: RuledMessage {
  /// All of them.
  public static var rules: [FieldRule] {
    [FieldRule("subscriptions").atMost(Bounds.subscriptions).required]
  }
}
