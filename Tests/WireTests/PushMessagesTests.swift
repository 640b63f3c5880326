import API
import Endpoint
import Testing
import Wire

struct `A browser's subscription` {
  private func decode(_ json: String) throws -> Decoded<RegisterPushSubscriptionRequest> {
    try RESTDecoder.decode(
      request("POST", "/api/v1/push-subscriptions", body: json),
      route: Route(.post, path: "/api/v1/push-subscriptions", rpc: nil)
    )
  }

  private func reasons(_ json: String) throws -> [String: String] {
    try decode(json).violations.reasons
  }

  @Test func `is read as browsers write it`() throws {
    let (message, violations) = try decode(
      """
      {"endpoint": "https://push.example.net/x", "expirationTime": null,
       "keys": {"p256dh": "p", "auth": "a"}}
      """
    )
    #expect(violations.isEmpty)
    #expect(message.endpoint == "https://push.example.net/x")
    #expect(!message.hasExpirationTime)
    #expect(message.keys.p256Dh == "p" && message.keys.auth == "a")

    let (later, _) = try decode(#"{"expirationTime": 1800000000000}"#)
    #expect(later.expirationTime == 1_800_000_000_000)
  }

  @Test func `has its unknown fields named, also inside of the keys`() throws {
    let found = try reasons(
      #"{"endpoint": "e", "options": {}, "keys": {"p256dh": "p", "auth": "a", "foo": 1}}"#
    )
    #expect(
      found == [
        "options": "is not a field of this request", "keys.foo": "is not a field of this request",
      ]
    )
  }

  @Test(arguments: [
    (#"{"endpoint": "e"}"#, ["keys": "is required"]),
    (#"{"endpoint": "e", "keys": null}"#, ["keys": "is required"]),
    (#"{"endpoint": "e", "keys": "k"}"#, ["keys": "must be an object, not a string"]),
    (#"{"endpoint": "e", "keys": []}"#, ["keys": "must be an object, not an array"]),
    (
      #"{"endpoint": "e", "keys": {}}"#,
      ["keys.p256dh": "is required", "keys.auth": "is required"]
    ),
    (
      #"{"endpoint": "e", "keys": {"p256dh": 1, "auth": ""}}"#,
      ["keys.p256dh": "must be a string, not a number", "keys.auth": "must not be empty"]
    ),
    (
      #"{"endpoint": "e", "keys": {"p256dh": "p", "auth": "a"}, "expirationTime": 1.5}"#,
      ["expirationTime": "must be a whole number"]
    ),
    (
      #"{"endpoint": "e", "keys": {"p256dh": "p", "auth": "a"}, "expirationTime": "1"}"#,
      ["expirationTime": "must be a whole number"]
    ),
  ])
  func `has its invalid fields named by their place`(json: String, found: [String: String]) throws {
    #expect(try reasons(json) == found)
  }

  @Test func `by gRPC needs the same, and the keys come as a message`() throws {
    func missing(_ message: RegisterPushSubscriptionRequest) throws -> [String: String] {
      let bytes: [UInt8] = try message.serializedBytes()
      let call = request(
        "POST",
        "/",
        bytes: [0, 0, 0, 0, UInt8(bytes.count)] + bytes,
        ["RPC": "x"]
      )
      let decoded: [Decoded<RegisterPushSubscriptionRequest>] = try RPCDecoder.decode(
        call,
        route: Route(rpc: "x")
      )
      return decoded[0].violations.reasons
    }
    #expect(try Set(missing(.init()).keys) == ["endpoint", "keys"])
    let empty = RegisterPushSubscriptionRequest {
      $0.endpoint = "e"
      $0.keys = PushKeys()
    }
    #expect(try Set(missing(empty).keys) == ["keys.p256dh", "keys.auth"])
  }
}
