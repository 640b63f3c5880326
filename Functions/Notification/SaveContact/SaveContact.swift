import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// gRPC `notification.v1.NotificationService/SaveContact`: keeps how to reach a user.
///
/// For services. What is older than what is known changes nothing, and neither does anything about a user who is no more:
/// so it may come late, twice, or out of order.
@main
struct SaveContact: Function {
  static let route = Route(rpc: "notification.v1.NotificationService/SaveContact")
  static let access = Access.roles([.service])
  static let problems: [Problem.Code] = []

  let contacts: ContactStore

  static func validate(_ request: SaveContactRequest, in context: Context) throws {
    try request.check()
  }

  func respond(to request: SaveContactRequest, in context: Context) throws -> Empty {
    try request.check()
    try contacts.save(request, at: context.now)
    return .nothing
  }

  static func main() { Serving.run { SaveContact(contacts: $0.contacts) } }
}
