import API
import Endpoint
import Runtime
import Serving
import Stores
import Values

/// `DELETE /api/v1/users/{id}`, gRPC `user.v1.UserService/DeleteUser`: deletes a user and all of their sessions.
///
/// The user's tasks, notifications and browsers in other services are deleted a moment later. Open to the user
/// and to admins; anybody else gets `USER_NOT_FOUND`. `VERSION_MISMATCH` when the user has changed since the
/// version that the caller names.
@main
struct DeleteUser: Function {
  static let contract = FunctionContract.deleteUser

  let users: Timed<UserStore>

  func respond(to request: DeleteUserRequest, in context: Context) throws -> Empty {
    guard let id = ID(request.id), context.caller.isUser(id) || context.caller.role == .admin else {
      throw Problem.userNotFound
    }
    try users(by: context.deadline).delete(
      id,
      expectedVersion: request.hasExpectedVersion ? request.expectedVersion : nil,
      at: context.now
    )
    return .nothing
  }

  static func main() { Serving.run { DeleteUser(users: $0.users) } }
}
