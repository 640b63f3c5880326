import API
import Endpoint
import Passwords
import Runtime
import Serving
import Stores
import Tokens
import Validation
import Values

/// `POST /api/v1/auth/login`, gRPC `auth.v1.AuthService/Login`: exchanges a password for a pair of tokens.
///
/// An unknown user and a wrong password get the same answer, `INVALID_CREDENTIALS`, after the same time. A hash
/// of a lower cost than the current setting is replaced once the password has been verified.
@main
struct Login: Function {
  static let contract = FunctionContract.login

  let users: Timed<UserStore>
  let sessions: Timed<SessionStore>
  let tokens: SessionTokens
  let passwords: Bcrypt

  func input(from request: LoginRequest, in context: Context) throws -> Credentials {
    try Credentials(request)
  }

  func respond(to credentials: Credentials, in context: Context) throws -> TokenResponse {
    let users = users(by: context.deadline)
    let known = try users.credentials(of: credentials.name)
    guard passwords.verify(credentials.password, hash: known?.passwordHash), let known else {
      throw Problem.invalidCredentials
    }
    let id = ID(stored: known.user.id)
    let hash = try upToDate(known.passwordHash, of: id, credentials.password, users)
    let (session, tokenHash) = try tokens.newSession(for: known.user, at: context.now)
    let user = try sessions(by: context.deadline)
      .open(session, tokenHash: tokenHash, passwordHash: hash, at: context.now)
    return try tokens.pair(of: session, generation: 0, user: user, at: context.now)
  }

  /// The hash, replaced by one of the current cost. Of two sign-ins that replace it at once, the second uses the first
  /// one's.
  private func upToDate(_ hash: String, of id: ID, _ password: String, _ users: UserStore) throws
    -> String
  {
    guard passwords.isOutdated(hash) else { return hash }
    let newHash = try passwords.hash(password)
    if try users.replaceHash(of: id, from: hash, to: newHash) { return newHash }
    let current = try users.passwordHash(of: id)
    guard passwords.verify(password, hash: current) else { throw Problem.invalidCredentials }
    return current
  }

  static func main() {
    Serving.run {
      Login(
        users: $0.users,
        sessions: $0.sessions,
        tokens: try $0.tokens,
        passwords: try Bcrypt(cost: $0.settings[.bcryptCost])
      )
    }
  }
}
