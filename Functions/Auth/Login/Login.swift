import API
import Endpoint
import Passwords
import Rules
import Serving
import Stores
import Tokens

/// `POST /api/v1/auth/login`, gRPC `auth.v1.AuthService/Login`: a password for a pair of tokens.
///
/// An unknown user and a wrong password are one answer, `INVALID_CREDENTIALS`, in one time. A hash of
/// lower cost than today's is replaced once the password has been verified.
@main
struct Login: Function {
  static let route = Route(.post, path: "/api/v1/auth/login", rpc: "auth.v1.AuthService/Login")
  static let access = Access.anyone

  let users: UserStore
  let sessions: SessionStore
  let tokens: SessionTokens
  let passwords: Bcrypt

  static func validate(_ request: LoginRequest, in context: Context) throws {
    _ = try Credentials(request)
  }

  func respond(to request: LoginRequest, in context: Context) throws -> TokenResponse {
    let credentials = try Credentials(request)
    let known = try users.credentials(of: credentials.name)
    guard passwords.verify(credentials.password, hash: known?.passwordHash), let known else {
      throw Problem(.invalidCredentials, "the user name or the password is wrong")
    }
    if passwords.isOutdated(known.passwordHash) {
      let hash = try passwords.hash(credentials.password)
      try users.replaceHash(of: known.user.id, from: known.passwordHash, to: hash)
    }
    let (session, tokenHash) = try tokens.newSession(for: known.user, at: context.now)
    try sessions.open(session, tokenHash: tokenHash, at: context.now)
    return try tokens.pair(of: session, generation: 0, user: known.user, at: context.now)
  }

  static func main() {
    Serving.run {
      Login(
        users: $0.users, sessions: $0.sessions, tokens: try $0.tokens,
        passwords: try Bcrypt(cost: $0.settings.bcryptCost))
    }
  }
}
