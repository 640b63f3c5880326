public import API
public import Endpoint
public import Tokens
import Validation
import Values

extension ValidateTokenResponse {
  /// The result for a valid token.
  public init(_ claims: AccessClaims) {
    self.init()
    valid = true
    userID = claims.subject
    role = Role(name: claims.role) ?? .unspecified
    expiresAt = Timestamp(Instant(seconds: claims.expiresAt))
  }

  /// The result for a token that is refused.
  public static func refused(_ code: Problem.Code) -> ValidateTokenResponse {
    var response = ValidateTokenResponse()
    response.reason = code.rawValue
    return response
  }
}
