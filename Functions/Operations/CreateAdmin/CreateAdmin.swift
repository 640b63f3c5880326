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
  /// The time that a statement may take.
  private static var soon: Deadline { Deadline(millisecondsFromNow: 10_000) }

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
      try resources.users(by: Self.soon).checkFree(draft)
      let hash = try Bcrypt(cost: resources.settings[.bcryptCost]).hash(draft.password)
      let now = resources.now
      var random = SystemRandomNumberGenerator()
      let user = try resources.users(by: Self.soon).insert(
        draft,
        passwordHash: hash,
        id: ID(at: now, random: &random),
        at: now
      )
      print("\(user.username) is an admin, id \(user.id)")
    } catch {
      Diagnostics.fail("create-admin", error)
    }
  }
}
