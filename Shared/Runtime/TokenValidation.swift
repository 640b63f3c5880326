public import API
public import Endpoint
public import Tokens
import Validation
import Values

extension ValidateTokenResponse {
  /// What a good token says.
  public init(_ claims: AccessClaims) {
    self.init()
    valid = true
    userID = claims.subject
    role = Role(name: claims.role) ?? .unspecified
    expiresAt = Timestamp(Instant(seconds: claims.expiresAt))
  }

  /// A token that does not count.
  public static func refused(_ code: Problem.Code) -> ValidateTokenResponse {
    var response = ValidateTokenResponse()
    response.reason = code.rawValue
    return response
  }
}
