import API
import Endpoint
import Runtime
import Serving
import Values
import WebPush

/// `GET /api/v1/push-key`, gRPC `notification.v1.NotificationService/GetPushKey`: the key that a browser subscribes with.
///
/// Open to everybody who is signed in. The browser calls it `applicationServerKey` and binds its subscription to it.
@main
struct GetPushKey: Function {
  static let route = Route(
    .get,
    path: "/api/v1/push-key",
    rpc: "notification.v1.NotificationService/GetPushKey"
  )
  static let access = Access.signedIn
  static let problems: [Problem.Code] = []

  let key: VAPIDKey

  func respond(to request: GetPushKeyRequest, in context: Context) throws -> PushKeyMessage {
    .with { $0.publicKey = Base64URL.encode(key.publicKey) }
  }

  static func main() {
    Serving.run(needsDatabase: false) {
      GetPushKey(key: try VAPIDKey(file: $0.settings.required("VAPID_KEY_FILE")))
    }
  }
}
