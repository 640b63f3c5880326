public import API
public import Endpoint

extension LoginRequest: RequestMessage {
  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    if let username = fields.string("username") { self.username = username }
    if let email = fields.string("email") { self.email = email }
    password = fields.requiredString("password")
  }
}

extension RefreshTokenRequest: RequestMessage {
  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    refreshToken = fields.requiredString("refresh_token")
  }
}

extension LogoutRequest: RequestMessage {
  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    refreshToken = fields.requiredString("refresh_token")
    everywhere = fields.bool("everywhere") ?? false
  }
}

extension ValidateTokenRequest: RequestMessage {
  /// Takes the fields of the message. The gateway's own question has none.
  public init(_ fields: inout Fields) {
    self.init()
    token = fields.string("token") ?? ""
  }

  /// The gateway asks with the client's `Authorization` and no body.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {
    guard request.check != nil else {
      if token.isEmpty { violations.add("token", "is required") }
      return
    }
    token = (try? request.bearerToken()) ?? ""
  }
}

extension CheckRequest: RequestMessage {
  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    probe = fields.requiredString("probe")
    service = fields.string("service") ?? ""
  }

  /// On a service's own port only that service is looked at.
  public mutating func readOutside(_ request: HTTPRequest, _ violations: inout Violations) {
    if let service = request.service { self.service = service }
  }
}
