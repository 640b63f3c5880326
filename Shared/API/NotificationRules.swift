/// Fields that several messages have.
private enum Shared {
  static let id = FieldRule("id", format: "uuid", example: "019f8a70-1a2b-7c3d-8e4f-5a6b7c8d9e0f")
  static let recipient = FieldRule("recipient", format: "email", example: "ada@example.com")
    .characters(Bounds.recipient).pattern("^[^\\u0000]*$")
  /// No line breaks: it becomes a header of the mail.
  static let subject = FieldRule("subject", example: "The report").characters(Bounds.subject)
    .pattern(#"^[^\u0000-\u001f\u007f]*$"#)
  static let body = FieldRule("body", example: "It is ready.").characters(Bounds.mailBody)
  static let taskID = FieldRule(
    "task_id",
    format: "uuid",
    example: "019f8a6e-5d2b-7c3e-8f4a-1b2c3d4e5f60"
  )
  static let userID = FieldRule(
    "user_id",
    format: "uuid",
    example: "019f8a6e-3c5a-7b1d-9e2f-4a6b8c0d1e2f"
  )
  static func time(_ name: String) -> FieldRule {
    FieldRule(name, format: "date-time", example: "2026-11-22T10:00:00.123456Z")
  }
}

extension NotificationMessage: RuledMessage {
  /// Everything is always there.
  public static var rules: [FieldRule] {
    [
      Shared.id.required, FieldRule("type", example: "EMAIL").required,
      FieldRule("recipient", example: "ada@example.com").required,
      Shared.subject.required, FieldRule("body", example: "It is ready.").required,
      FieldRule("sent", example: "true").required,
      Shared.time("created_at").required, Shared.userID, Shared.time("sent_at"),
      FieldRule("attempts", example: "1").required,
      FieldRule("next_attempt_at", format: "date-time"),
      FieldRule("last_error"),
    ]
  }
}

extension ListNotificationsResponse: RuledMessage {
  /// A page.
  public static var rules: [FieldRule] {
    [FieldRule("notifications").required, FieldRule("next_page_token", example: "").required]
  }
}

extension SendEmailRequest: RuledMessage {
  /// What to say to whom.
  public static var rules: [FieldRule] {
    [Shared.recipient.required, Shared.subject.required, Shared.body.required]
  }
}

extension SentNotifications: RuledMessage {
  /// What was written down.
  public static var rules: [FieldRule] { [FieldRule("notifications").required] }
}

extension NotifyUserRequest: RuledMessage {
  /// What to say to whom, and how to know it again.
  public static var rules: [FieldRule] {
    [
      Shared.userID.required,
      FieldRule("key", example: "TASK_ASSIGNED/019f8a6e-5d2b-7c3e-8f4a-1b2c3d4e5f60/1")
        .characters(Bounds.notificationKey).required,
      Shared.subject.required,
      FieldRule("body", example: "It is ready.").characters(Bounds.noticeBody).required,
      FieldRule("due_date", format: "date-time", example: "2030-01-31T16:00:00Z"),
    ]
  }
}

extension SaveContactRequest: RuledMessage {
  /// How to reach whom.
  public static var rules: [FieldRule] {
    [
      Shared.userID.required,
      FieldRule("email", format: "email", example: "ada@example.com").characters(Bounds.email)
        .required,
      FieldRule("time_zone", format: "time-zone", example: "Europe/Berlin").required,
      FieldRule("email_notifications", example: "true").defaulting(to: "true"),
      FieldRule("push_notifications", example: "true").defaulting(to: "true"),
      FieldRule("version", example: "1"),
    ]
  }
}

extension ForgetUserRequest: RuledMessage {
  /// Whom to forget.
  public static var rules: [FieldRule] { [Shared.userID.required] }
}

extension ForgetUserResponse: RuledMessage {
  /// Whether it is to be asked for again.
  public static var rules: [FieldRule] { [FieldRule("more", example: "false").required] }
}

extension SendTaskReminderRequest: RuledMessage {
  /// Whom to remind of what.
  public static var rules: [FieldRule] {
    [
      Shared.taskID.required, Shared.userID.required,
      FieldRule("title", example: "Write the report").characters(Bounds.title).required,
      FieldRule("due_date", format: "date-time", example: "2030-01-31T16:00:00Z").neverNull,
      FieldRule("lead_minutes", example: "60").range(Bounds.leadMinutes).neverNull,
      FieldRule("priority", example: "HIGH").defaulting(to: "MEDIUM"),
    ]
  }
}

extension GetNotificationRequest: RuledMessage {
  /// Which notification.
  public static var rules: [FieldRule] { [Shared.id.required] }
}

extension ListNotificationsRequest: RuledMessage {
  /// Which page.
  public static var rules: [FieldRule] { .page }
}
