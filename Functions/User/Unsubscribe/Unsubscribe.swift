import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// `POST /api/v1/unsubscribe/{token}`, gRPC `user.v1.UserService/Unsubscribe`: switches a user's mail off.
///
/// For whoever has the link of one of the user's mails: mail programs call it for their users, who are not signed in.
/// What stands in the body (`List-Unsubscribe=One-Click`) is not looked at. `LINK_NOT_FOUND` for a token that is none
/// of ours; the same answer whether there still is such a user or not. Source: RFC 8058.
@main
struct Unsubscribe: Function {
  static let route = Route(
    .post,
    path: "/api/v1/unsubscribe/{token}",
    rpc: "user.v1.UserService/Unsubscribe",
    readsBody: false
  )
  static let access = Access.anyone
  static let problems: [Problem.Code] = [.linkNotFound]

  let users: UserStore
  let tokens: UnsubscribeTokens

  func respond(to request: UnsubscribeRequest, in context: Context) throws -> Empty {
    try users.switchMailOff(try tokens.user(of: request.token), at: context.now)
    return .nothing
  }

  static func main() {
    Serving.run { Unsubscribe(users: $0.users, tokens: $0.unsubscribeTokens) }
  }
}
