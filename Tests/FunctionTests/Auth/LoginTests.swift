import API
import Endpoint
import Passwords
import PostgreSQL
import Runtime
import Serving
import Stores
import Testing
import Tokens
import Values

@testable import Login

struct LoginTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
  }

  func setHash(_ hash: String) throws {
    _ = try fixture.userService.database.write(
      Query("UPDATE users SET password = $2 WHERE id = $1", .text(ada.id.text), .text(hash))
    )
  }

  func hash() throws -> String { try fixture.userService.users(by: .soon).passwordHash(of: ada.id) }

  @Test func `a password is exchanged for a pair of tokens`() throws {
    let tokens = try fixture.signIn(ada)

    #expect(tokens.tokenType == "Bearer")
    #expect(tokens.expiresIn == 86_400)
    #expect(try tokens.user == fixture.userService.users(by: .soon).find(ada.id))
    let claims = try fixture.authService.tokens.claims(
      of: tokens.accessToken,
      at: fixture.clock.now
    )
    #expect(claims.subject == ada.id.text)
    #expect(claims.role == "USER")
    #expect(claims.issuedAt == fixture.clock.now.seconds)
    #expect(claims.expiresAt == fixture.clock.now.seconds + 86_400)
    #expect(claims.sessionID.flatMap(ID.init) != nil)
  }

  @Test func `the settings say how long the tokens live`() throws {
    let brief = try Fixture(settings: [
      "ACCESS_TOKEN_SECONDS": "60", "REFRESH_TOKEN_SECONDS": "120",
    ])
    let tokens = try brief.signIn(ada)
    #expect(tokens.expiresIn == 60)

    brief.clock.advance(seconds: 119)
    try brief.refreshToken(.with { $0.refreshToken = tokens.refreshToken })
    let other = try brief.signIn(ada)
    brief.clock.advance(seconds: 120)
    #expect(
      try brief.refreshToken.refusal(.with { $0.refreshToken = other.refreshToken })?.code
        == .refreshTokenExpired
    )
  }

  @Test func `over REST every field is there`() throws {
    let answer = try fixture.login.rest(
      "POST",
      "/api/v1/auth/login",
      json: #"{"email": "\#(ada.email.uppercased())", "password": "\#(ada.password)"}"#
    )

    #expect(answer.status == 200)
    #expect(answer.names == ["access_token", "refresh_token", "token_type", "expires_in", "user"])
    #expect(!answer.body.contains("$2b$"))
  }

  @Test func `a username and an address are compared regardless of case`() throws {
    try fixture.login(
      .with { ($0.username, $0.password) = (ada.username.uppercased(), ada.password) }
    )
    try fixture.login(.with { ($0.email, $0.password) = (ada.email.uppercased(), ada.password) })

    #expect(try fixture.sessionRows(of: ada).count == 2)
  }

  @Test func `an unknown user and a wrong password get the same answer`() throws {
    func answer(_ username: String, _ password: String) throws -> Answer {
      try fixture.login.rest(
        "POST",
        "/api/v1/auth/login",
        json: #"{"username": "\#(username)", "password": "\#(password)"}"#
      )
    }
    let wrong = try answer(ada.username, "wrong password")
    let unknown = try answer("x\(ada.username)", ada.password)

    #expect(wrong.status == 401)
    #expect(wrong.code == .invalidCredentials)
    #expect(wrong.headers["WWW-Authenticate"] == "Bearer realm=\"task-management\"")
    #expect(unknown.body == wrong.body)
    #expect(try fixture.sessionRows(of: ada).isEmpty)
  }

  @Test(arguments: [72, 1024])
  func `a password longer than bcrypt reads is wrong, not cut`(bytes: Int) throws {
    let long = String(repeating: "p", count: 72)
    try setHash(fixture.passwords.hash(long))
    let given = long + String(repeating: "p", count: bytes - 72)

    let problem = try fixture.login.refusal(
      .with { ($0.username, $0.password) = (ada.username, given) }
    )
    #expect(problem?.code == (bytes == 72 ? nil : .invalidCredentials))
  }

  @Test func `one answer names every invalid field`() throws {
    let both = try fixture.login.rest(
      "POST",
      "/api/v1/auth/login",
      json: #"{"username": "", "email": "a", "password": 1, "otp": ""}"#
    )
    #expect(both.code == .invalidArgument)
    #expect(Set(both.details.keys) == ["username", "password", "otp"])

    let none = try fixture.login.rest("POST", "/api/v1/auth/login", json: "{}")
    #expect(none.details == ["username": "or email is required", "password": "is required"])

    let huge = try fixture.login.refusal(
      .with { ($0.username, $0.password) = (ada.username, String(repeating: "p", count: 1025)) }
    )
    #expect(huge?.code == .invalidArgument)
    #expect(try fixture.sessionRows(of: ada).isEmpty)
  }

  @Test func `a hash of lower cost is replaced once the password is verified`() throws {
    let costly = try Fixture(settings: ["BCRYPT_COST": "5"])
    let old = try hash()

    #expect(
      try costly.login.refusal(.with { ($0.username, $0.password) = (ada.username, "wrong") })
        != nil
    )
    #expect(try hash() == old)
    _ = try costly.signIn(ada)
    #expect(try hash().hasPrefix("$2b$05$"))
    let once = try hash()
    _ = try costly.signIn(ada)
    #expect(try hash() == once)
    _ = try fixture.signIn(ada)
    #expect(try hash() == once)
  }

  @Test func `a hash in an older form signs in and is replaced`() throws {
    // The published test vector of crypt_blowfish: the password is U*U.
    try setHash("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")

    #expect(try fixture.signIn(ada, password: "U*U").user.id == ada.id.text)
    #expect(try hash().hasPrefix("$2b$04$"))
    #expect(try fixture.signIn(ada, password: "U*U").user.id == ada.id.text)
  }

  @Test func `an invalid hash matches nothing`() throws {
    try setHash("$2")

    let problem = try fixture.login.refusal(
      .with { ($0.username, $0.password) = (ada.username, ada.password) }
    )
    #expect(problem?.code == .invalidCredentials)
  }

  @Test func `a user who goes between the password and the session is no longer known`() throws {
    // The sessions are in a database that does not know Ada, as if she had just been deleted.
    let later = try Fixture(users: ScratchDatabase(migrations: "user_db"), keys: fixture.keys)
    let login = Door(
      Login(
        users: fixture.authService.users,
        sessions: later.authService.sessions,
        tokens: try fixture.authService.tokens,
        passwords: try fixture.passwords
      ),
      fixture.authService
    )

    let problem = login.refusal(.with { ($0.username, $0.password) = (ada.username, ada.password) })
    #expect(problem?.code == .invalidCredentials)
  }

  @Test func `nothing in the database is a usable token`() throws {
    let tokens = try fixture.signIn(ada)

    let rows = try fixture.sessionRows(of: ada)
    #expect(rows.count == 1)
    let row = try #require(rows.first)
    #expect(row.contains(sha256Hexadecimal(tokens.refreshToken)))
    let secretPart = try #require(tokens.refreshToken.split(separator: ".").last)
    #expect(!row.contains(secretPart))
    #expect(!row.contains(tokens.accessToken))
  }
}
