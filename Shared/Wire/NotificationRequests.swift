public import API

extension SendEmailRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> {
    ["recipient": recipient, "subject": subject, "body": body]
  }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    recipient = fields.requiredString("recipient")
    subject = fields.requiredString("subject")
    body = fields.requiredString("body")
  }
}

extension SendTaskReminderRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> {
    ["task_id": taskID, "user_id": userID, "title": title]
  }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    taskID = fields.requiredString("task_id")
    userID = fields.requiredString("user_id")
    title = fields.requiredString("title")
    if let dueDate = fields.timestamp("due_date") { self.dueDate = dueDate }
    leadMinutes = fields.integer("lead_minutes") ?? 0
    priority = fields.named("priority") ?? .unspecified
  }
}

extension NotifyUserRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> {
    ["user_id": userID, "key": key, "subject": subject, "body": body]
  }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    userID = fields.requiredString("user_id")
    key = fields.requiredString("key")
    subject = fields.requiredString("subject")
    body = fields.requiredString("body")
    if let dueDate = fields.timestamp("due_date") { self.dueDate = dueDate }
  }
}

extension SaveContactRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> {
    ["user_id": userID, "email": email, "time_zone": timeZone]
  }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    userID = fields.requiredString("user_id")
    email = fields.requiredString("email")
    timeZone = fields.requiredString("time_zone")
    if let isOn = fields.bool("email_notifications") { emailNotifications = isOn }
    if let isOn = fields.bool("push_notifications") { pushNotifications = isOn }
    version = fields.longInteger("version") ?? 0
  }
}

extension ForgetUserRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["user_id": userID] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    userID = fields.requiredString("user_id")
  }
}

extension GetNotificationRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["id": id] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    id = fields.requiredString("id")
  }
}

extension ListNotificationsRequest: RequestMessage {
  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    if let pageSize = fields.integer("page_size") { self.pageSize = pageSize }
    pageToken = fields.string("page_token") ?? ""
  }
}
