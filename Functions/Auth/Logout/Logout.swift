import API
import Endpoint
import Runtime
import Serving
import Stores
import Tokens

/// `POST /api/v1/auth/logout`, gRPC `auth.v1.AuthService/Logout`: ends the session of a refresh token, or
/// with `everywhere` every session of its user.
///
/// `REFRESH_TOKEN_INVALID` for a token that was not issued by us. Ending a session that has already ended succeeds
/// and changes nothing.
@main
struct Logout: Function {
  static let contract = FunctionContract.logout

  let sessions: Timed<SessionStore>
  let tokens: SessionTokens

  func respond(to request: LogoutRequest, in context: Context) throws -> Empty {
    let token = try tokens.read(refreshToken: request.refreshToken, at: context.now)
    try sessions(by: context.deadline).logOut(
      token.sessionID,
      generation: token.generation,
      everywhere: request.everywhere,
      at: context.now
    )
    return .nothing
  }

  static func main() { Serving.run { Logout(sessions: $0.sessions, tokens: try $0.tokens) } }
}
