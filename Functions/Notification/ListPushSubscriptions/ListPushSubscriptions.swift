import API
import Endpoint
import Runtime
import Serving
import Stores

/// `GET /api/v1/push-subscriptions`, gRPC `notification.v1.NotificationService/ListPushSubscriptions`: the caller's
/// subscriptions, the newest first.
///
/// There are at most 20, so one answer holds them all. It leaves out their keys.
@main
struct ListPushSubscriptions: Function {
  static let contract = FunctionContract.listPushSubscriptions

  let subscriptions: Timed<PushSubscriptionStore>

  func respond(to request: ListPushSubscriptionsRequest, in context: Context) throws
    -> ListPushSubscriptionsResponse
  {
    let own = try subscriptions(by: context.deadline).list(owner: context.caller.userID)
    return .with { $0.subscriptions = own }
  }

  static func main() { Serving.run { ListPushSubscriptions(subscriptions: $0.subscriptions) } }
}
