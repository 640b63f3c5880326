import API
import Endpoint
import Passwords
import Runtime
import Serving
import Stores
import Validation
import Values

/// `PUT` and `PATCH /api/v1/users/{id}`, gRPC `user.v1.UserService/UpdateUser`: changes a user.
///
/// Open to the user and to admins; anybody else gets `USER_NOT_FOUND`. Setting a new password takes the current
/// one (`WRONG_PASSWORD`), except for admins, and ends the user's other sessions. Only admins set roles.
/// `VERSION_MISMATCH` when the user has changed since the version that the caller names.
@main
struct UpdateUser: Function {
  static let contract = FunctionContract.updateUser

  let users: Timed<UserStore>
  let passwords: Bcrypt

  func input(from request: UpdateUserRequest, in context: Context) throws -> (ID, UserChanges) {
    let changes = Result { try UserChanges(request, caller: context.caller) }
    guard let id = ID(request.id), context.caller.isUser(id) || context.caller.role == .admin else {
      throw Problem.userNotFound.outranking(changes)
    }
    return (id, try changes.get())
  }

  func respond(to input: (ID, UserChanges), in context: Context) throws -> UserMessage {
    let (id, changes) = input
    let (newHash, verifiedHash) = try hashes(for: changes, of: id, in: context)
    return try users(by: context.deadline).update(
      id,
      with: changes,
      passwordHash: newHash,
      verifiedHash: verifiedHash,
      keeping: context.caller.sessionID,
      at: context.now
    )
  }

  private func hashes(for changes: UserChanges, of id: ID, in context: Context) throws -> (
    new: String?, verified: String?
  ) {
    guard let password = changes.password else { return (nil, nil) }
    guard let current = changes.currentPassword else { return (try passwords.hash(password), nil) }
    let verified = try users(by: context.deadline).passwordHash(of: id)
    guard passwords.verify(current, hash: verified) else { throw Problem.wrongCurrentPassword }
    return (try passwords.hash(password), verified)
  }

  static func main() {
    Serving.run {
      UpdateUser(users: $0.users, passwords: try Bcrypt(cost: $0.settings[.bcryptCost]))
    }
  }
}
