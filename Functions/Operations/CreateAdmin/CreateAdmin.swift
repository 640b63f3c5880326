import API
import Endpoint
import Passwords
import Runtime
import Stores
import Validation
import Values

/// `create-admin NAME EMAIL`: adds a user with the role ADMIN; the password comes from standard input.
@main
struct CreateAdmin {
  static func main() {
    do {
      let arguments = CommandLine.arguments
      guard arguments.count == 3, let password = readLine(strippingNewline: true) else {
        throw Settings.Invalid(
          message: "usage: create-admin NAME EMAIL, the password on standard input"
        )
      }
      let resources = try Resources(function: "create-admin", settings: .ofProcess)
      var request = CreateUserRequest()
      request.username = arguments[1]
      request.email = arguments[2]
      request.password = password
      let draft = try UserDraft(request, role: .admin)
      try resources.users.checkFree(draft)
      let hash = try Bcrypt(cost: resources.settings[.bcryptCost]).hash(draft.password)
      let context = Context(now: resources.now, caller: .unknown)
      let user = try resources.users.insert(
        draft,
        passwordHash: hash,
        id: context.newID(),
        at: context.now
      )
      print("\(user.username) is an admin, id \(user.id)")
    } catch {
      Diagnostics.fail("create-admin", error)
    }
  }
}
