import API
import Endpoint
import Runtime
import Serving
import Stores
import Tokens
import Values

/// The gateway's second question about an access token, after `verify-token`: does its session still live?
/// There is no public route, and the pool answers nobody else, so that nobody can keep it busy.
///
/// The gateway asks before every request that carries a token. While the session store is unavailable the
/// answer is yes: then the token's own validity decides.
@main
struct CheckSession: Function {
  static let contract = FunctionContract.checkSession

  let sessions: Timed<SessionStore>
  let tokens: SessionTokens

  func respond(to request: SessionQuestion, in context: Context) throws
    -> ValidateTokenResponse
  {
    do {
      let claims = try tokens.claims(of: request.token, at: context.now)
      guard let sessionID = claims.sessionID.map(ID.init(stored:)) else {
        return ValidateTokenResponse(claims)
      }
      let lives = try sessions(by: context.deadline).lives(sessionID, at: context.now) ?? true
      return lives ? ValidateTokenResponse(claims) : .refused(.sessionRevoked)
    } catch let problem as Problem
      where problem.code == .tokenInvalid || problem.code == .tokenExpired
    {
      return .refused(problem.code)
    }
  }

  static func main() { Serving.run { CheckSession(sessions: $0.sessions, tokens: try $0.tokens) } }
}
