public import API
public import Endpoint

extension CreateTaskRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["title": title] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    title = fields.requiredString("title")
    if let description = fields.string("description") { description_p = description }
    status = fields.named("status") ?? .unspecified
    priority = fields.named("priority") ?? .unspecified
    if let userID = fields.string("user_id") { self.userID = userID }
    if let dueDate = fields.timestamp("due_date") { self.dueDate = dueDate }
    if let reminders = fields.reminders() { self.reminders = reminders }
  }
}

extension GetTaskRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["id": id] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    id = fields.requiredString("id")
  }
}

extension DeleteTaskRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["id": id] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    id = fields.requiredString("id")
    if let version = fields.expectedVersion() { expectedVersion = version }
  }

  /// The version of `If-Match`.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {
    if let version = request.expectedVersion(&violations) { expectedVersion = version }
  }
}

extension UpdateTaskRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["id": id] }

  /// Takes the fields of the message. Which of them are there becomes the mask: for a PUT all that have a
  /// default, for a PATCH those that are given, so that `null` clears.
  public init(_ fields: inout Fields) {
    self.init()
    updateMask.names = fields.mask(replaceable: Self.replaceableFields, others: Self.otherFields)
    id = fields.requiredString("id")
    if let version = fields.expectedVersion() { expectedVersion = version }
    if let title = fields.string("title") { self.title = title }
    if let description = fields.string("description") { description_p = description }
    status = fields.named("status") ?? .unspecified
    priority = fields.named("priority") ?? .unspecified
    if let userID = fields.string("user_id") { self.userID = userID }
    if let dueDate = fields.timestamp("due_date") { self.dueDate = dueDate }
    if let reminders = fields.reminders() { self.reminders = reminders }
  }

  /// The version of `If-Match`.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {
    if let version = request.expectedVersion(&violations) { expectedVersion = version }
  }
}

extension DeleteUserTasksRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["user_id": userID] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    userID = fields.requiredString("user_id")
  }
}

extension ListTasksRequest: RequestMessage {
  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    if let userID = fields.string("user_id") { self.userID = userID }
    if let pageSize = fields.integer("page_size") { self.pageSize = pageSize }
    pageToken = fields.string("page_token") ?? ""
    status = fields.namedList("status")
    priority = fields.namedList("priority")
    if let dueBefore = fields.timestamp("due_before") { self.dueBefore = dueBefore }
    if let dueAfter = fields.timestamp("due_after") { self.dueAfter = dueAfter }
    q = fields.string("q") ?? ""
    orderBy = fields.string("order_by") ?? ""
  }
}

extension ListUserTasksRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["user_id": userID] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    userID = fields.requiredString("user_id")
    if let pageSize = fields.integer("page_size") { self.pageSize = pageSize }
    pageToken = fields.string("page_token") ?? ""
    status = fields.namedList("status")
    priority = fields.namedList("priority")
    if let dueBefore = fields.timestamp("due_before") { self.dueBefore = dueBefore }
    if let dueAfter = fields.timestamp("due_after") { self.dueAfter = dueAfter }
    q = fields.string("q") ?? ""
    orderBy = fields.string("order_by") ?? ""
  }
}

extension Fields {
  /// When the owner of a task is reminded. By gRPC it is a message, so that none is told from nothing said.
  mutating func reminders() -> TaskReminders? {
    integers("reminders", atMost: Bounds.reminders).map { minutes in
      TaskReminders.with { $0.minutes = minutes }
    }
  }

  /// The names of the fields that an update changes: every replaceable one when the whole is replaced,
  /// else those that are given; the others only when given.
  func mask(replaceable: [String], others: [String]) -> [String] {
    replaceable.filter { mode == .whole || has($0) } + others.filter(has)
  }
}

extension HTTPRequest {
  /// The version that `If-Match` names: one entity tag as `ETag` gives them. `*` names any version. A weak
  /// tag counts too, though RFC 9110 §13.1.1 says otherwise: the gateway makes the tag of a compressed
  /// reply weak, and the version that it names is the same.
  func expectedVersion(_ violations: inout Violations) -> Int64? {
    guard var ifMatch, ifMatch != "*" else { return nil }
    if ifMatch.hasPrefix("W/") { ifMatch.removeFirst(2) }
    guard ifMatch.hasPrefix("\""), ifMatch.hasSuffix("\""), ifMatch.utf8.count > 2,
      let version = Int64(ifMatch.dropFirst().dropLast())
    else {
      violations.add("If-Match", "must be one version in quotes, as ETag gives it")
      return nil
    }
    return version
  }
}
