import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// gRPC `notification.v1.NotificationService/SaveContact`: stores how to reach a user.
///
/// Open to services. A contact older than the stored one changes nothing, nor does one of a deleted user: calls may
/// arrive late, twice or out of order.
@main
struct SaveContact: Function {
  static let contract = FunctionContract.saveContact

  let contacts: Timed<ContactStore>

  func input(from request: SaveContactRequest, in context: Context) throws -> SaveContactRequest {
    try request.check()
    return request
  }

  func respond(to contact: SaveContactRequest, in context: Context) throws -> Empty {
    try contacts(by: context.deadline).save(contact, at: context.now)
    return .nothing
  }

  static func main() { Serving.run { SaveContact(contacts: $0.contacts) } }
}
