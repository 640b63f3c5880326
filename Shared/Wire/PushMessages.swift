public import API
import Endpoint
public import JSON

extension SendPushNotificationRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["user_id": userID, "subject": subject] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    userID = fields.requiredString("user_id")
    subject = fields.requiredString("subject")
    body = fields.string("body") ?? ""
  }
}

extension RegisterPushSubscriptionRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> {
    hasKeys
      ? ["endpoint": endpoint, "keys.p256dh": keys.p256Dh, "keys.auth": keys.auth]
      : ["endpoint": endpoint, "keys": ""]
  }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    endpoint = fields.requiredString("endpoint")
    if let time = fields.longInteger("expirationTime") { expirationTime = time }
    if let keys = fields.message("keys", PushKeys.init(fields:)) {
      self.keys = keys
    } else {
      fields.violations.add("keys", "is required")
    }
  }
}

extension PushKeys {
  fileprivate init(fields: inout Fields) {
    self.init()
    p256Dh = fields.requiredString("p256dh")
    auth = fields.requiredString("auth")
  }
}

extension GetPushKeyRequest: RequestMessage {
  /// There are no fields.
  public init(_ fields: inout Fields) { self.init() }
}

extension ListPushSubscriptionsRequest: RequestMessage {
  /// There are no fields.
  public init(_ fields: inout Fields) { self.init() }
}

extension DeletePushSubscriptionRequest: RequestMessage {
  /// What must be there.
  public var required: KeyValuePairs<String, String> { ["id": id] }

  /// Takes the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    id = fields.requiredString("id")
  }
}

extension PushKeyMessage: ResponseMessage {
  /// Writes the key.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("public_key", publicKey)
    json.endObject()
  }
}

extension PushSubscriptionMessage: ResponseMessage {
  /// Writes the subscription.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("id", id)
    json.member("user_id", userID)
    json.member("endpoint", endpoint)
    json.member("created_at", createdAt)
    json.member("expires_at", hasExpiresAt ? expiresAt : nil)
    json.endObject()
  }

  /// The subscription's id.
  public var entityID: String { id }
}

extension ListPushSubscriptionsResponse: ResponseMessage {
  /// Writes them all.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("subscriptions")
    json.beginArray()
    for subscription in subscriptions { subscription.write(to: &json) }
    json.endArray()
    json.endObject()
  }
}
