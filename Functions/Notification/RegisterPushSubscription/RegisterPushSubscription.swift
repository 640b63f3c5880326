import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation
import Values
import WebPush

/// `POST /api/v1/push-subscriptions`, gRPC `notification.v1.NotificationService/RegisterPushSubscription`: takes the
/// subscription of one of the caller's browsers.
///
/// The body is what the browser's `PushSubscription.toJSON()` gives. An endpoint that is known is the same subscription
/// with new keys, and the present caller's: one browser is one person's. Of more than 20 the oldest makes room. Fields that
/// are not sound are an `INVALID_ARGUMENT`; `USER_NOT_FOUND` for a caller who is no more.
@main
struct RegisterPushSubscription: Function {
  static let route = Route(
    .post,
    path: "/api/v1/push-subscriptions",
    rpc: "notification.v1.NotificationService/RegisterPushSubscription",
    creates: "/api/v1/push-subscriptions/{id}"
  )
  static let access = Access.roles([.user, .admin])
  static let problems: [Problem.Code] = [.userNotFound]

  let subscriptions: PushSubscriptionStore
  let allowsPrivate: Bool

  static func validate(_ request: RegisterPushSubscriptionRequest, in context: Context) throws {
    // Whether the address may be private is a setting, which is asked when everything else is right.
    _ = try draft(request, at: context.now, allowsPrivate: true)
  }

  func respond(to request: RegisterPushSubscriptionRequest, in context: Context) throws
    -> PushSubscriptionMessage
  {
    let draft = try Self.draft(request, at: context.now, allowsPrivate: allowsPrivate)
    let owner = context.caller.userID
    return try subscriptions.save(draft, owner: owner, id: context.newID(), at: context.now)
  }

  private static func draft(
    _ request: RegisterPushSubscriptionRequest,
    at now: Instant,
    allowsPrivate: Bool
  ) throws -> PushSubscriptionDraft {
    let checked = PushSubscription.check(
      endpoint: request.endpoint,
      p256dh: request.keys.p256Dh,
      auth: request.keys.auth,
      allowsPrivate: allowsPrivate
    )
    return try PushSubscriptionDraft(request, service: checked, at: now)
  }

  static func main() {
    Serving.run {
      let allowsPrivate = try $0.settings[.allowsPrivatePushServices]
      return RegisterPushSubscription(subscriptions: $0.subscriptions, allowsPrivate: allowsPrivate)
    }
  }
}
