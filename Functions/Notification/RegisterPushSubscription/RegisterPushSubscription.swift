import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation
import WebPush

/// `POST /api/v1/push-subscriptions`, gRPC `notification.v1.NotificationService/RegisterPushSubscription`: registers
/// the subscription of one of the caller's browsers.
///
/// The body is what the browser's `PushSubscription.toJSON()` returns. A known endpoint keeps its subscription, which
/// gets the new keys and moves to the present caller: a browser belongs to one user at a time. The oldest of more
/// than 20 is deleted. `USER_NOT_FOUND` for a caller who has been deleted.
@main
struct RegisterPushSubscription: Function {
  static let contract = FunctionContract.registerPushSubscription

  let subscriptions: Timed<PushSubscriptionStore>
  let allowsPrivate: Bool

  func input(from request: RegisterPushSubscriptionRequest, in context: Context) throws
    -> PushSubscriptionDraft
  {
    let checked = PushSubscription.check(
      endpoint: request.endpoint,
      p256dh: request.keys.p256Dh,
      auth: request.keys.auth,
      allowsPrivate: allowsPrivate
    )
    return try PushSubscriptionDraft(request, service: checked, at: context.now)
  }

  func respond(to draft: PushSubscriptionDraft, in context: Context) throws
    -> PushSubscriptionMessage
  {
    let owner = context.caller.userID
    return try subscriptions(by: context.deadline).save(
      draft,
      owner: owner,
      id: context.newID(),
      at: context.now
    )
  }

  static func main() {
    Serving.run {
      let allowsPrivate = try $0.settings[.allowsPrivatePushServices]
      return RegisterPushSubscription(subscriptions: $0.subscriptions, allowsPrivate: allowsPrivate)
    }
  }
}
