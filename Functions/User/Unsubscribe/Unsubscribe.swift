import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// `POST /api/v1/unsubscribe/{token}`, gRPC `user.v1.UserService/Unsubscribe`: turns a user's e-mail notifications off.
///
/// Open to anyone who has the link from one of the user's mails: mail programs follow it for their users, who are not
/// signed in. The body (`List-Unsubscribe=One-Click`) is not read. `LINK_NOT_FOUND` for a token that was not issued by
/// us; a deleted user gets the same answer as any other. Source: RFC 8058.
@main
struct Unsubscribe: Function {
  static let contract = FunctionContract.unsubscribe

  let users: Timed<UserStore>
  let tokens: UnsubscribeTokens

  func respond(to request: UnsubscribeRequest, in context: Context) throws -> Empty {
    try users(by: context.deadline).switchMailOff(
      try tokens.user(of: request.token),
      at: context.now
    )
    return .nothing
  }

  static func main() {
    Serving.run { Unsubscribe(users: $0.users, tokens: $0.unsubscribeTokens) }
  }
}
