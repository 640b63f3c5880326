/// Fields that several messages have.
private enum Shared {
  static let id = FieldRule("id", format: "uuid", example: "019f8a6e-5d2b-7c3e-8f4a-1b2c3d4e5f60")
  static let title = FieldRule("title", example: "Write the report").characters(Bounds.title)
  static let description = FieldRule("description", example: "Three pages, with figures")
    .characters(Bounds.description)
  static let status = FieldRule("status", example: "PENDING").defaulting(to: "PENDING")
  static let priority = FieldRule("priority", example: "HIGH").defaulting(to: "MEDIUM")
  static let userID = FieldRule(
    "user_id",
    format: "uuid",
    example: "019f8a6e-3c5a-7b1d-9e2f-4a6b8c0d1e2f"
  )
  static let dueDate = FieldRule(
    "due_date",
    format: "date-time",
    example: "2030-01-31T17:00:00+01:00"
  )
  static let reminders = FieldRule("reminders").range(Bounds.leadMinutes).atMost(Bounds.reminders)
}

extension TaskMessage: RuledMessage {
  /// Everything is always there.
  public static var rules: [FieldRule] {
    [
      Shared.id.required, Shared.title.required,
      FieldRule("description", example: "Three pages, with figures"),
      FieldRule("status", example: "PENDING").required,
      FieldRule("priority", example: "HIGH").required, Shared.userID.required,
      FieldRule("due_date", format: "date-time", example: "2030-01-31T16:00:00Z"),
    ] + .timesAndVersion + [Shared.reminders]
  }
}

extension ListTasksResponse: RuledMessage {
  /// A page.
  public static var rules: [FieldRule] {
    [FieldRule("tasks").required, FieldRule("next_page_token", example: "").required]
  }
}

extension CreateTaskRequest: RuledMessage {
  /// What is to be done.
  public static var rules: [FieldRule] {
    [
      Shared.title.required, Shared.description, Shared.status, Shared.priority, Shared.userID.rare,
      Shared.dueDate, Shared.reminders,
    ]
  }
}

extension GetTaskRequest: RuledMessage {
  /// Which task.
  public static var rules: [FieldRule] { [Shared.id.required] }
}

extension DeleteTaskRequest: RuledMessage {
  /// Which task.
  public static var rules: [FieldRule] { [Shared.id.required] }
}

extension UpdateTaskRequest: RuledMessage {
  /// Which task, and what changes.
  public static var rules: [FieldRule] {
    [
      Shared.id.required, Shared.title.requiredToReplace, Shared.description, Shared.status,
      Shared.priority, Shared.userID.neverNull.rare,
      Shared.dueDate, Shared.reminders,
    ]
  }
}

extension DeleteUserTasksRequest: RuledMessage {
  /// Whose tasks.
  public static var rules: [FieldRule] { [Shared.userID.required] }
}

extension DeleteUserTasksResponse: RuledMessage {
  /// Whether it is to be asked for again.
  public static var rules: [FieldRule] { [FieldRule("more", example: "false").required] }
}

extension ListTasksRequest: RuledMessage {
  /// Which tasks, in what order, from where on.
  public static var rules: [FieldRule] { .listing + [Shared.userID.rare] }
}

extension ListUserTasksRequest: RuledMessage {
  /// Whose tasks, which, in what order, from where on.
  public static var rules: [FieldRule] { [Shared.userID.required] + .listing }
}

extension [FieldRule] {
  /// The keys that tasks can be ordered by, in the order in which they are named.
  private static var orders: [String] {
    ["created_at", "updated_at", "due_date", "priority"].flatMap {
      [$0, "\($0) asc", "\($0) desc"]
    }
  }

  fileprivate static var listing: [FieldRule] {
    page + [
      FieldRule("status", example: "PENDING").atMost(Bounds.filterValues),
      FieldRule("priority", example: "HIGH").atMost(Bounds.filterValues),
      FieldRule("due_before", format: "date-time", example: "2030-02-01T00:00:00Z"),
      FieldRule("due_after", format: "date-time", example: "2030-01-01T00:00:00Z"),
      FieldRule("q", example: "report").characters(Bounds.words)
        .pattern(#"^[^\u0000\ufffd]*$"#),
      FieldRule("order_by", example: "due_date").values(orders).defaulting(to: "created_at desc"),
    ]
  }
}
