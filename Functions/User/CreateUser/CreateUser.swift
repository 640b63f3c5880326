import API
import Endpoint
import Passwords
import Runtime
import Serving
import Stores
import Validation
import Values

/// `POST /api/v1/users`, gRPC `user.v1.UserService/CreateUser`: signs somebody up.
///
/// For anyone while sign-up is open (`SIGN_UP`), else for admins. `USERNAME_TAKEN` and `EMAIL_TAKEN`
/// without regard to case; fields that are not sound are an `INVALID_ARGUMENT`.
@main
struct CreateUser: Function {
  static let route = Route(
    .post,
    path: "/api/v1/users",
    rpc: "user.v1.UserService/CreateUser",
    creates: "/api/v1/users/{id}"
  )
  static let access = Access.anyoneKnownOrNot
  static let problems: [Problem.Code] = [.permissionDenied, .usernameTaken, .emailTaken]

  let users: UserStore
  let passwords: Bcrypt
  let signUpIsOpen: Bool

  static func validate(_ request: CreateUserRequest, in context: Context) throws {
    _ = try UserDraft(request)
  }

  func respond(to request: CreateUserRequest, in context: Context) throws -> UserMessage {
    guard signUpIsOpen || context.caller.role == .admin else {
      throw Problem.permissionDenied("sign-up is closed: ask an admin for an account")
    }
    let draft = try UserDraft(request)
    try users.checkFree(draft)
    let hash = try passwords.hash(draft.password)
    return try users.insert(draft, passwordHash: hash, id: context.newID(), at: context.now)
  }

  static func main() {
    Serving.run {
      CreateUser(
        users: $0.users,
        passwords: try Bcrypt(cost: $0.settings[.bcryptCost]),
        signUpIsOpen: try $0.settings[.signUpIsOpen]
      )
    }
  }
}
