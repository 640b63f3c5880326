import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation
import Values

/// gRPC `notification.v1.NotificationService/ForgetUser`: forgets a user who is no more.
///
/// For services. First what is still to be sent, the browsers and the address, at once and for good; then what has been
/// sent, as far as the time allows; the answer tells whether some of it is left.
@main
struct ForgetUser: Function {
  static let route = Route(rpc: "notification.v1.NotificationService/ForgetUser")
  static let access = Access.roles([.service])
  static let problems: [Problem.Code] = []

  private static let deletedAtOnce = 1000

  let contacts: ContactStore
  let notifications: NotificationStore

  static func validate(_ request: ForgetUserRequest, in context: Context) throws {
    _ = try UserReference(request.userID)
  }

  func respond(to request: ForgetUserRequest, in context: Context) throws -> ForgetUserResponse {
    let user = try UserReference(request.userID).id
    try contacts.forget(user, at: context.now)
    var response = ForgetUserResponse()
    response.more = try context.repeating {
      try notifications.deleteSome(of: user, limit: Self.deletedAtOnce)
    }
    return response
  }

  static func main() {
    Serving.run { ForgetUser(contacts: $0.contacts, notifications: $0.notifications) }
  }
}
