import API
import Endpoint
import Runtime
import Serving
import Stores
import Values

/// `DELETE /api/v1/push-subscriptions/{id}`, gRPC `notification.v1.NotificationService/DeletePushSubscription`: ends one of
/// the caller's subscriptions.
///
/// `SUBSCRIPTION_NOT_FOUND` for somebody else's, as if there were no such subscription.
@main
struct DeletePushSubscription: Function {
  static let contract = FunctionContract.deletePushSubscription

  let subscriptions: Timed<PushSubscriptionStore>

  func respond(to request: DeletePushSubscriptionRequest, in context: Context) throws -> Empty {
    guard let id = ID(request.id) else { throw Problem.subscriptionNotFound }
    try subscriptions(by: context.deadline).delete(id, owner: context.caller.userID)
    return .nothing
  }

  static func main() { Serving.run { DeletePushSubscription(subscriptions: $0.subscriptions) } }
}
