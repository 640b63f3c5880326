import API
import Endpoint
import Runtime
import Serving
import Stores
import Tokens
import Validation
import Values

/// `POST /api/v1/auth/validate`, gRPC `auth.v1.AuthService/ValidateToken`: tells what an access token says
/// and whether its session still lives. A token that is not valid is not an error: the answer says why.
@main
struct ValidateToken: Function {
  static let contract = FunctionContract.validateToken

  let sessions: Timed<SessionStore>
  let tokens: SessionTokens

  func respond(to request: ValidateTokenRequest, in context: Context) throws
    -> ValidateTokenResponse
  {
    do {
      let claims = try tokens.claims(of: request.token, at: context.now)
      var response = ValidateTokenResponse(claims)
      guard let sessionID = claims.sessionID.map(ID.init(stored:)) else { return response }
      guard let user = try sessions(by: context.deadline).user(of: sessionID, at: context.now)
      else {
        return .refused(.sessionRevoked)
      }
      response.username = user.username
      return response
    } catch let problem as Problem
      where problem.code == .tokenInvalid || problem.code == .tokenExpired
    {
      return .refused(problem.code)
    }
  }

  static func main() { Serving.run { ValidateToken(sessions: $0.sessions, tokens: try $0.tokens) } }
}
