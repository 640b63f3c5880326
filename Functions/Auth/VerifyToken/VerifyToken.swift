import API
import Endpoint
import Runtime
import Serving
import Values

/// The gateway's first question about an access token: is the token itself valid? There is no public route.
///
/// It needs no database, so it never waits: an invalid token is refused at once, whatever state the databases
/// are in. Only a valid one leads on to `check-session`, which knows whether its session still lives.
@main
struct VerifyToken: Function {
  static let route = Route(.get, path: "/internal/verify-token", rpc: nil)
  static let access = Access.anyone
  static let problems: [Problem.Code] = []

  let tokens: SessionTokens

  func respond(to request: SessionQuestion, in context: Context) throws
    -> ValidateTokenResponse
  {
    guard !request.token.isEmpty else { return .refused(.unauthenticated) }
    do {
      return ValidateTokenResponse(try tokens.claims(of: request.token, at: context.now))
    } catch let problem as Problem
      where problem.code == .tokenInvalid || problem.code == .tokenExpired
    {
      return .refused(problem.code)
    }
  }

  static func main() { Serving.run(needsDatabase: false) { VerifyToken(tokens: try $0.tokens) } }
}
