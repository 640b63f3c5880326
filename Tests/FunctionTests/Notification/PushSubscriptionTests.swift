import API
import Endpoint
import Foundation
import JSON
import PostgreSQL
import Runtime
import Serving
import Stores
import Testing
import Validation
import Values

@testable import RegisterPushSubscription

/// The data that a browser subscribes with.
enum Subscribing {
  static let p256dh =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
  static let auth = "BTBZMqHH6r4Tts7J_aSIgg"
  /// Another one.
  static let newAuth = "CTBZMqHH6r4Tts7J_aSIgg"

  static func json(_ endpoint: String, auth: String = auth, expires: String = "null") -> String {
    """
    {"endpoint": "\(endpoint)", "expirationTime": \(expires),
     "keys": {"p256dh": "\(p256dh)", "auth": "\(auth)"}}
    """
  }
}

extension Fixture {
  /// A push service that no other test uses.
  func pushService() -> String { "https://p\(id().text.suffix(12)).example.net" }

  /// Subscribes a browser of a user.
  @discardableResult
  func subscribe(_ person: Person, at endpoint: String? = nil, expiresAt: Instant? = nil) throws
    -> PushSubscriptionMessage
  {
    let request = RegisterPushSubscriptionRequest.with {
      $0.endpoint = endpoint ?? "\(pushService())/x"
      $0.keys.p256Dh = Subscribing.p256dh
      $0.keys.auth = Subscribing.auth
      if let expiresAt { $0.expirationTime = expiresAt.microseconds / 1000 }
    }
    return try registerPushSubscription(request, as: person.caller)
  }

  /// A user's subscriptions.
  func subscriptions(of person: Person) throws -> [PushSubscriptionMessage] {
    try listPushSubscriptions(.init(), as: person.caller).subscriptions
  }

  /// Marks a user as deleted.
  func forget(_ person: Person) throws {
    _ = try notificationService.database.write(
      Query(
        """
        INSERT INTO contacts (user_id, email, time_zone, updated_at, forgotten_at)
        VALUES ($1, '', 'UTC', $2, $2)
        """,
        .text(person.id.text),
        .instant(clock.now)
      )
    )
  }
}

struct PushSubscriptionTests {
  let fixture: Fixture
  let ada: Person
  let endpoint: String

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
    endpoint = "\(fixture.pushService())/push/x"
  }

  func register(_ json: String, as person: Person? = nil) throws -> Answer {
    try fixture.registerPushSubscription.rest(
      "POST",
      "/api/v1/push-subscriptions",
      json: json,
      token: (person ?? ada).token
    )
  }

  func list(_ person: Person) throws -> [JSONObject] {
    try fixture.listPushSubscriptions.rest(
      "GET",
      "/api/v1/push-subscriptions",
      token: person.token
    ).objects("subscriptions")
  }

  @Test func `the key is the public half of ours, for everybody who is signed in`() throws {
    for role in [Role.user, .admin, .service] {
      let token = try fixture.stranger(role).token
      let answer = try fixture.getPushKey.rest("GET", "/api/v1/push-key", token: token)
      #expect(answer.status == 200)
      #expect(
        answer.text("public_key")
          == "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
      )
    }
  }

  @Test func `a browser's subscription is saved, and its keys are never returned`() throws {
    let later = fixture.clock.now.adding(seconds: 86_400)
    let answer = try register(Subscribing.json(endpoint, expires: "\(later.seconds * 1000 + 5)"))
    #expect(answer.status == 201)
    #expect(answer.names == ["id", "user_id", "endpoint", "created_at", "expires_at"])
    let id = try #require(answer.text("id"))
    #expect(answer.headers["Location"] == "/api/v1/push-subscriptions/\(id)")
    #expect(answer.text("user_id") == ada.id.text)
    #expect(answer.text("endpoint") == endpoint)
    #expect(answer.text("created_at") == fixture.clock.now.rfc3339)
    #expect(
      answer.text("expires_at") == Instant(microseconds: later.microseconds + 5000).rfc3339
    )
    #expect(try list(ada).map { $0["id"] } == [.string(id)])
    #expect(try list(ada) == [answer.object])
  }

  @Test func `every invalid field is named`() throws {
    let answer = try register(
      #"""
      {"endpoint": "http://push.example.net/x", "expirationTime": -1, "colour": "red",
       "keys": {"p256dh": "x", "auth": "x", "foo": 1}}
      """#
    )
    #expect(answer.code == .invalidArgument)
    #expect(
      Set(answer.details.keys) == [
        "endpoint", "expirationTime", "colour", "keys.p256dh", "keys.auth", "keys.foo",
      ]
    )
    #expect(try Set(register("{}").details.keys) == ["endpoint", "keys"])
    #expect(try list(ada).isEmpty)
  }

  @Test(arguments: ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "printer.local", "0x7f.1"])
  func `a push service in our own network is refused`(host: String) throws {
    let answer = try register(Subscribing.json("https://\(host)/x"))
    #expect(answer.code == .invalidArgument)
    #expect(answer.details == ["endpoint": "must be on the public internet"])
    let open = Door(
      RegisterPushSubscription(
        subscriptions: fixture.notificationService.subscriptions,
        allowsPrivate: true
      ),
      fixture.notificationService
    )
    let request = RegisterPushSubscriptionRequest.with {
      $0.endpoint = "https://\(host)/\(fixture.id())"
      $0.keys.p256Dh = Subscribing.p256dh
      $0.keys.auth = Subscribing.auth
    }
    #expect(try open(request, as: ada.caller).endpoint == request.endpoint)
  }

  @Test func `the same endpoint again is the same subscription, with the new keys`() throws {
    let first = try register(Subscribing.json(endpoint))
    fixture.clock.advance(seconds: 10)
    let again = try register(Subscribing.json(endpoint, auth: Subscribing.newAuth))
    #expect(again.status == 201)
    #expect(again.object == first.object)
    #expect(try list(ada).count == 1)
    #expect(try keys(first.text("id")) == [Subscribing.newAuth])
  }

  func keys(_ id: String?) throws -> [String] {
    let query = Query("SELECT auth FROM push_subscriptions WHERE id = $1", .text(id ?? ""))
    return try fixture.notificationService.database.read(query) { try $0.text(0) }
  }

  @Test func `a browser belongs to the user who signed in there last`() throws {
    let bob = try fixture.stranger(.admin)
    let hers = try register(Subscribing.json(endpoint))
    fixture.clock.advance(seconds: 10)
    let his = try register(Subscribing.json(endpoint), as: bob)
    #expect(his.text("id") == hers.text("id"))
    #expect(his.text("user_id") == bob.id.text)
    #expect(his.text("created_at") == fixture.clock.now.rfc3339)
    #expect(try list(ada).isEmpty)
    #expect(try list(bob).count == 1)
  }

  @Test func `of more than 20 the oldest makes room, and nobody else's`() throws {
    let bob = try fixture.stranger()
    try fixture.subscribe(bob)
    var ids: [String] = []
    for _ in 0..<23 {
      fixture.clock.advance(seconds: 1)
      ids.append(try fixture.subscribe(ada).id)
    }
    #expect(try fixture.subscriptions(of: ada).map(\.id) == ids.suffix(20).reversed())
    #expect(try list(bob).count == 1)
  }

  @Test func `also of those that come at once there are 20 at most`() throws {
    let (keys, ada) = (fixture.keys, ada)
    let done = onThreads(8) { _ in
      let other = try Fixture(keys: keys)
      for _ in 0..<5 { try other.subscribe(ada) }
    }
    #expect(done.allSatisfy { (try? $0.get()) != nil })
    #expect(try fixture.subscriptions(of: ada).count == 20)
  }

  @Test func `one endpoint that comes from many at once is one subscription`() throws {
    let (keys, endpoint) = (fixture.keys, endpoint)
    let ids = try onThreads(6) { _ in
      let other = try Fixture(keys: keys)
      return try other.subscribe(other.stranger(), at: endpoint).id
    }.map { try $0.get() }
    #expect(Set(ids).count == 1)
  }

  @Test func `a deleted user gets no subscription`() throws {
    try fixture.forget(ada)
    #expect(try register(Subscribing.json(endpoint)).code == .userNotFound)
    #expect(try list(ada).isEmpty)
  }

  @Test func `a deletion that is under way is waited for`() throws {
    try fixture.forget(ada)
    let owner = try Postgres.database(.notification)
    let (keys, endpoint, ada) = (fixture.keys, endpoint, ada)
    func mark(_ time: SQL, in transaction: Transaction) throws {
      let sql: SQL = "UPDATE contacts SET forgotten_at = \(time) WHERE user_id = $1"
      #expect(try transaction.run(Query(sql, .text(ada.id.text))) == 1)
    }
    try owner.transaction { try mark("NULL", in: $0) }
    // Marked, but not yet visible to others.
    let registering = try owner.transaction { transaction in
      try mark("now()", in: transaction)
      let registering = Background { try Fixture(keys: keys).subscribe(ada, at: endpoint).id }
      Thread.sleep(forTimeInterval: 0.3)
      return registering
    }
    #expect(throws: Problem.userNotFound) { try registering.outcome().get() }
  }

  @Test func `only one's own are seen and can be ended`() throws {
    let bob = try fixture.stranger(.admin)
    let hers = try fixture.subscribe(ada)
    #expect(try list(bob).isEmpty)
    for id in [hers.id, fixture.id().text, "x"] {
      let refusal = fixture.deletePushSubscription.refusal(.with { $0.id = id }, as: bob.caller)
      #expect(refusal == .subscriptionNotFound)
    }
    let path = "/api/v1/push-subscriptions/\(hers.id.uppercased())"
    #expect(
      try fixture.deletePushSubscription.rest("DELETE", path, token: ada.token).status == 204
    )
    #expect(
      try fixture.deletePushSubscription.rest("DELETE", path, token: ada.token).code
        == .subscriptionNotFound
    )
    #expect(try list(ada).isEmpty)
  }

  @Test func `services have no browsers`() throws {
    let service = try fixture.stranger(.service)
    #expect(try register(Subscribing.json(endpoint), as: service).code == .permissionDenied)
    let bytes: [UInt8] = []
    #expect(
      try fixture.listPushSubscriptions.rpc(body: frame(bytes), token: service.token).code
        == .permissionDenied
    )
  }

  @Test func `by gRPC it is the same`() throws {
    let request = RegisterPushSubscriptionRequest.with {
      $0.endpoint = endpoint
      $0.keys.p256Dh = Subscribing.p256dh
      $0.keys.auth = Subscribing.auth
    }
    let answer = try fixture.registerPushSubscription.rpc([request], token: ada.token)
    let made = try #require(answer.messages.first)
    #expect(made.endpoint == endpoint)
    #expect(!made.hasExpiresAt)
    #expect(
      try fixture.listPushSubscriptions.rpc([.init()], token: ada.token).messages.first?
        .subscriptions == [made]
    )
    let bad = try fixture.registerPushSubscription.rpc(
      [.with { $0.keys = .init() }],
      token: ada.token
    )
    #expect(bad.code == .invalidArgument)
    #expect(Set(bad.fields.keys) == ["endpoint", "keys.p256dh", "keys.auth"])
  }
}
