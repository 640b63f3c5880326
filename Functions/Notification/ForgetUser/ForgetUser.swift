import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation
import Values

/// gRPC `notification.v1.NotificationService/ForgetUser`: forgets a deleted user.
///
/// Open to services. Pending notifications, browsers and the address are deleted first, all at once; then
/// notifications that were sent, as many as the deadline allows. The answer says whether any are left.
@main
struct ForgetUser: Function {
  static let contract = FunctionContract.forgetUser

  private static let deletedAtOnce = 1000

  let contacts: Timed<ContactStore>
  let notifications: Timed<NotificationStore>

  func input(from request: ForgetUserRequest, in context: Context) throws -> ID {
    try UserReference(request.userID).id
  }

  func respond(to user: ID, in context: Context) throws -> ForgetUserResponse {
    try contacts(by: context.deadline).forget(user, at: context.now)
    var response = ForgetUserResponse()
    response.more = try context.repeating {
      try notifications(by: context.deadline).deleteSome(of: user, limit: Self.deletedAtOnce)
    }
    return response
  }

  static func main() {
    Serving.run { ForgetUser(contacts: $0.contacts, notifications: $0.notifications) }
  }
}
