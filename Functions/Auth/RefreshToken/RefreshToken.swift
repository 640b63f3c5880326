import API
import Endpoint
import Runtime
import Serving
import Stores
import Tokens

/// `POST /api/v1/auth/refresh`, gRPC `auth.v1.AuthService/RefreshToken`: exchanges a refresh token for a new pair.
///
/// The token is replaced at every use. One that has already been replaced gets the same successor again while that
/// may have been lost (see `Session.verdict`); any other reuse ends the session: `REFRESH_TOKEN_REUSED`. Otherwise
/// `REFRESH_TOKEN_INVALID`, `REFRESH_TOKEN_EXPIRED` or `SESSION_REVOKED`.
@main
struct RefreshToken: Function {
  static let contract = FunctionContract.refreshToken

  let sessions: Timed<SessionStore>
  let tokens: SessionTokens

  func respond(to request: RefreshTokenRequest, in context: Context) throws -> TokenResponse {
    let refresh = try tokens.refresh(request.refreshToken, at: context.now)
    let (session, generation, user) = try sessions(by: context.deadline).refresh(refresh)
    return try tokens.pair(of: session, generation: generation, user: user, at: context.now)
  }

  static func main() { Serving.run { RefreshToken(sessions: $0.sessions, tokens: try $0.tokens) } }
}
