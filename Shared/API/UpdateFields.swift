extension UpdateTaskRequest {
  /// The fields that replacing a task (PUT) sets; those that are not given take their default.
  public static let replaceableFields = [
    "title", "description", "status", "priority", "due_date", "reminders",
  ]
  /// The fields that change only when they are given: they have no default.
  public static let otherFields = ["user_id"]
}

extension UpdateUserRequest {
  /// The fields that replacing a user (PUT) sets; those that are not given take their default.
  public static let replaceableFields = ["username", "email", "full_name", "time_zone"]
  /// The fields that change only when they are given: they have no default, or somebody has chosen them elsewhere (by
  /// the link in a mail, for one).
  public static let otherFields = ["password", "role", "email_notifications", "push_notifications"]
}
