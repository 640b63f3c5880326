import API
import Endpoint
import Runtime
import Serving
import Stores
import Values

/// `GET /api/v1/users/{id}`, gRPC `user.v1.UserService/GetUser`: one user.
///
/// Open to the user, admins and services; anybody else gets `USER_NOT_FOUND`, as if there were no such user.
@main
struct GetUser: Function {
  static let contract = FunctionContract.getUser

  let users: Timed<UserStore>

  func respond(to request: GetUserRequest, in context: Context) throws -> UserMessage {
    guard let id = ID(request.id), context.caller.isUser(id) || context.caller.seesEverything else {
      throw Problem.userNotFound
    }
    return try users(by: context.deadline).find(id)
  }

  static func main() { Serving.run { GetUser(users: $0.users) } }
}
