import API
import Endpoint
import Passwords
import Runtime
import Serving
import Stores
import Testing
import Validation
import Values

struct CreateUserTests {
  let fixture: Fixture
  let name: String

  init() throws {
    fixture = try Fixture()
    name = "Ada." + fixture.id().text.suffix(20)
  }

  func request(_ change: (inout CreateUserRequest) -> Void = { _ in }) -> CreateUserRequest {
    .with {
      $0.username = name
      $0.email = "\(name)@example.com"
      $0.password = "correct horse battery"
      change(&$0)
    }
  }

  func body(_ more: String = "") -> String {
    #"{"username": "\#(name)", "email": "\#(name)@example.com", "password": "correct horse battery"\#(more)}"#
  }

  var isTaken: Bool {
    get throws { try fixture.authService.users(by: .soon).credentials(of: .username(name)) != nil }
  }

  @Test func `a new user gets an id, the defaults and the time`() throws {
    let user = try fixture.createUser(request())

    #expect(ID(user.id) != nil)
    #expect(user.username == name)
    #expect(user.email == "\(name)@example.com")
    #expect(!user.hasFullName)
    #expect(user.role == .user)
    #expect(user.timeZone == "UTC")
    #expect(user.createdAt.instant == fixture.clock.now)
    #expect(user.updatedAt == user.createdAt)
    #expect(user.version == 1)
    #expect(try fixture.userService.users(by: .soon).find(ID(stored: user.id)) == user)
  }

  @Test func `the password is kept as a bcrypt hash only`() throws {
    let user = try fixture.createUser(request())

    let hash = try fixture.userService.users(by: .soon).passwordHash(of: ID(stored: user.id))
    #expect(hash.hasPrefix("$2b$04$"))
    #expect(try fixture.passwords.verify("correct horse battery", hash: hash))
    #expect(try fixture.row(ofUser: ID(stored: user.id))?.contains("horse") == false)
  }

  @Test func `over REST it is a 201 with the place and every field but the password`() throws {
    let answer = try fixture.createUser.rest(
      "POST",
      "/api/v1/users",
      json: body(#", "full_name": "Ada \"L\" \u00fc", "time_zone": "Europe/Berlin""#)
    )

    #expect(answer.status == 201)
    #expect(answer.headers["Location"] == "/api/v1/users/\(answer.text("id") ?? "")")
    #expect(answer.headers["ETag"] == "\"1\"")
    #expect(
      answer.names == [
        "id", "username", "email", "full_name", "role", "time_zone", "created_at", "updated_at",
        "version", "email_notifications", "push_notifications",
      ]
    )
    #expect(answer.text("full_name") == "Ada \"L\" ü")
    #expect(answer.text("time_zone") == "Europe/Berlin")
    #expect(answer.text("created_at") == fixture.clock.now.rfc3339)
  }

  @Test func `a username is taken regardless of case`() throws {
    let first = try fixture.createUser(request())

    let problem = try fixture.createUser.refusal(
      request {
        $0.username = name.uppercased()
        $0.email = "other-\(name)@example.com"
      }
    )
    #expect(problem?.code == .usernameTaken)
    #expect(problem?.details == ["username": "is taken"])
    #expect(try fixture.userService.users(by: .soon).find(ID(stored: first.id)) == first)
    #expect(
      try fixture.authService.users(by: .soon).credentials(of: .email("other-\(name)@example.com"))
        == nil
    )
  }

  @Test func `an e-mail address is taken regardless of case`() throws {
    try fixture.createUser(request())

    let answer = try fixture.createUser.rest(
      "POST",
      "/api/users",
      json:
        #"{"username": "b\#(name)", "email": "\#(name.uppercased())@EXAMPLE.com", "password": "12345678"}"#
    )
    #expect(answer.status == 409)
    #expect(answer.code == .emailTaken)
    #expect(answer.details == ["email": "is taken"])
    #expect(try fixture.authService.users(by: .soon).credentials(of: .username("b\(name)")) == nil)
  }

  @Test func `of many who want one name at once one gets it`() throws {
    let keys = fixture.keys
    let request = request()
    let outcomes = onThreads(8) { number in
      try Fixture(keys: keys).createUser.refusal(
        request.with { $0.email = "\(number)-\(request.email)" }
      )?.code
    }.map { try? $0.get() }

    #expect(outcomes.count { $0 == .some(nil) } == 1)
    #expect(outcomes.count { $0 == .usernameTaken } == 7)
  }

  @Test func `one answer names every invalid field`() throws {
    let answer = try fixture.createUser.rest(
      "POST",
      "/api/v1/users",
      json: """
        {"username": "a!", "email": "no address", "password": "1234567", "full_name": 7,
         "time_zone": "Mars/Phobos", "role": "ADMIN"}
        """
    )

    #expect(answer.status == 400)
    #expect(answer.code == .invalidArgument)
    #expect(
      Set(answer.details.keys) == [
        "username", "email", "password", "full_name", "time_zone", "role",
      ]
    )
  }

  @Test func `what is missing is named`() throws {
    let answer = try fixture.createUser.rest("POST", "/api/v1/users", json: "{}")

    #expect(answer.code == .invalidArgument)
    #expect(
      answer.details == [
        "username": "is required", "email": "is required", "password": "is required",
      ]
    )
  }

  @Test func `a password that bcrypt would not read whole is refused`() throws {
    for password in [
      String(repeating: "p", count: 73), String(repeating: "ü", count: 37), "1234567\0",
    ] {
      let problem = try fixture.createUser.refusal(request { $0.password = password })
      #expect(problem?.code == .invalidArgument)
      #expect(problem?.details.keys.sorted() == ["password"])
    }
    #expect(try !isTaken)
  }

  @Test func `a password of 72 bytes signs in`() throws {
    let password = String(repeating: "ü", count: 36)
    try fixture.createUser(request { $0.password = password })

    let tokens = try fixture.login(.with { ($0.username, $0.password) = (name, password) })
    #expect(tokens.user.username == name)
  }

  @Test(arguments: ["Bearer a.b.c", "Bearer", "Basic YTpi", "x"])
  func `while sign-up is open a bad token is as good as none`(authorization: String) throws {
    let answer = try fixture.createUser.rest(
      "POST",
      "/api/v1/users",
      json: body(),
      headers: ["HTTP_AUTHORIZATION": authorization, "SESSION_REFUSAL": "SESSION_REVOKED"]
    )

    #expect(answer.status == 201)
    #expect(answer.text("role") == "USER")
  }

  @Test func `while sign-up is open an admin's old token is as good as none`() throws {
    let token = try fixture.stranger(.admin).token
    fixture.clock.advance(seconds: 86_400)
    let answer = try fixture.createUser.rpc([request()], token: token)

    #expect(answer.status == .ok)
    #expect(answer.messages.first?.role == .user)
  }

  @Test func `when sign-up is closed a bad token is refused as such`() throws {
    let closed = try Fixture(settings: ["SIGN_UP": "closed"])
    let admin = try closed.stranger(.admin).token
    func answer(_ token: String, _ refusal: String = "") throws -> Answer {
      try closed.createUser.rest(
        "POST",
        "/api/v1/users",
        json: body(),
        token: token,
        headers: ["SESSION_REFUSAL": refusal]
      )
    }
    #expect(try answer("a.b.c").code == .tokenInvalid)
    // The gateway knows more than the token itself: its session has ended.
    let revoked = try answer(admin, "SESSION_REVOKED")
    #expect(revoked.code == .sessionRevoked)
    #expect(revoked.headers["WWW-Authenticate"]?.contains("invalid_token") == true)
    #expect(try closed.createUser.rpc([request()], token: "a.b.c").code == .tokenInvalid)
    closed.clock.advance(seconds: 86_400)
    #expect(try answer(admin).code == .tokenExpired)
    #expect(try answer(admin, "none of the contract's").code == .tokenInvalid)

    let basic = ["HTTP_AUTHORIZATION": "Basic YTpi", "SESSION_REFUSAL": "UNAUTHENTICATED"]
    let other = try closed.createUser.rest("POST", "/api/v1/users", json: body(), headers: basic)
    #expect(other.code == .permissionDenied)
    #expect(try !isTaken)
  }

  @Test(arguments: [Role.user, .service, nil])
  func `when sign-up is closed nobody but an admin adds users`(role: Role?) throws {
    let closed = try Fixture(settings: ["SIGN_UP": "closed"])
    let token = try role.map { try closed.stranger($0).token }

    let answer = try closed.createUser.rest("POST", "/api/v1/users", json: body(), token: token)
    #expect(answer.status == 403)
    #expect(answer.code == .permissionDenied)
    #expect(try !isTaken)
  }

  @Test func `when sign-up is closed an admin adds users`() throws {
    let closed = try Fixture(settings: ["SIGN_UP": "closed"])
    let answer = try closed.createUser.rest(
      "POST",
      "/api/v1/users",
      json: body(),
      token: closed.stranger(.admin).token
    )

    #expect(answer.status == 201)
    #expect(answer.text("role") == "USER")
  }
}

extension CreateUserRequest {
  /// A copy with a change.
  func with(_ change: (inout CreateUserRequest) -> Void) -> CreateUserRequest {
    var copy = self
    change(&copy)
    return copy
  }
}
