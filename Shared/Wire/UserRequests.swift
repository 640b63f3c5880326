public import API
public import Endpoint

extension CreateUserRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> {
    [
      "username": username, "email": email, "password": password,
    ]
  }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    username = fields.requiredString("username")
    email = fields.requiredString("email")
    password = fields.requiredString("password")
    if let fullName = fields.string("full_name") { self.fullName = fullName }
    if let timeZone = fields.string("time_zone") { self.timeZone = timeZone }
    if let isOn = fields.bool("email_notifications") { emailNotifications = isOn }
    if let isOn = fields.bool("push_notifications") { pushNotifications = isOn }
  }
}

extension GetUserRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["id": id] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    id = fields.requiredString("id")
  }
}

extension DeleteUserRequest: RequestMessage {
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

extension UpdateUserRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["id": id] }

  /// Takes the fields of the message; see `UpdateTaskRequest.init(_:)` for the mask.
  public init(_ fields: inout Fields) {
    self.init()
    updateMask.names = fields.mask(replaceable: Self.replaceableFields, others: Self.otherFields)
    id = fields.requiredString("id")
    if let version = fields.expectedVersion() { expectedVersion = version }
    if let username = fields.string("username") { self.username = username }
    if let email = fields.string("email") { self.email = email }
    if let fullName = fields.string("full_name") { self.fullName = fullName }
    if let timeZone = fields.string("time_zone") { self.timeZone = timeZone }
    if let isOn = fields.bool("email_notifications") { emailNotifications = isOn }
    if let isOn = fields.bool("push_notifications") { pushNotifications = isOn }
    if let password = fields.string("password") { self.password = password }
    if let currentPassword = fields.string("current_password") {
      self.currentPassword = currentPassword
    }
    role = fields.named("role") ?? .unspecified
  }

  /// The version of `If-Match`.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {
    if let version = request.expectedVersion(&violations) { expectedVersion = version }
  }
}

extension UnsubscribeRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["token": token] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    token = fields.requiredString("token")
  }
}

extension ListUsersRequest: RequestMessage {
  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    if let pageSize = fields.integer("page_size") { self.pageSize = pageSize }
    pageToken = fields.string("page_token") ?? ""
  }
}
