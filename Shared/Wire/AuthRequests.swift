public import API
public import Endpoint

extension LoginRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["password": password] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    if let username = fields.string("username") { self.username = username }
    if let email = fields.string("email") { self.email = email }
    password = fields.requiredString("password")
  }
}

extension RefreshTokenRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["refresh_token": refreshToken] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    refreshToken = fields.requiredString("refresh_token")
  }
}

extension LogoutRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["refresh_token": refreshToken] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    refreshToken = fields.requiredString("refresh_token")
    everywhere = fields.bool("everywhere") ?? false
  }
}

extension ValidateTokenRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["token": token] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    token = fields.requiredString("token")
  }
}

extension SessionQuestion: RequestMessage {
  /// There are no fields.
  public init(_ fields: inout Fields) { self.init() }

  /// The gateway asks with the client's `Authorization` and no body.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {
    token = (try? request.bearerToken()) ?? ""
  }
}

extension ProbeRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["probe": probe] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    probe = fields.requiredString("probe")
    if let service = fields.string("service") { self.service = service }
  }
}
