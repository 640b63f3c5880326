import API
import Endpoint
import Passwords
import Runtime
import Serving
import Stores
import Validation
import Values

/// `POST /api/v1/users`, gRPC `user.v1.UserService/CreateUser`: signs a new user up.
///
/// Open to anyone while sign-up is open (`SIGN_UP`), whatever token the request may have; otherwise to admins only. User
/// names and e-mail addresses are compared without regard to case: `USERNAME_TAKEN`, `EMAIL_TAKEN`.
@main
struct CreateUser: Function {
  static let contract = FunctionContract.createUser

  let users: Timed<UserStore>
  let passwords: Bcrypt
  let signUpIsOpen: Bool

  func input(from request: CreateUserRequest, in context: Context) throws -> UserDraft {
    let draft = Result { try UserDraft(request) }
    guard signUpIsOpen || context.caller.role == .admin else {
      let closed = Problem.permissionDenied("sign-up is closed: ask an admin for an account")
      throw (context.refusal.map { Problem($0) } ?? closed).outranking(draft)
    }
    return try draft.get()
  }

  func respond(to draft: UserDraft, in context: Context) throws -> UserMessage {
    try users(by: context.deadline).checkFree(draft)
    let hash = try passwords.hash(draft.password)
    return try users(by: context.deadline).insert(
      draft,
      passwordHash: hash,
      id: context.newID(),
      at: context.now
    )
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
