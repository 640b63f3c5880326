import API
import Endpoint
import JSON
import PostgreSQL
import Runtime
import Serving
import Stores
import Testing
import Values

@testable import ValidateToken

struct ValidateTokenTests {
  let fixture: Fixture
  let ada: Person
  let tokens: TokenResponse

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
    tokens = try fixture.signIn(ada)
  }

  func validate(_ token: String) throws -> ValidateTokenResponse {
    try fixture.validateToken(.with { $0.token = token })
  }

  /// The function with the session store at some other place.
  func door(at url: String) throws -> Door<ValidateToken> {
    let clock = fixture.clock
    let resources = try Resources(
      function: "validate-token",
      settings: Settings([
        "DATABASE_URL": url, "JWT_KEYS_FILE": fixture.keys.path, "LOG_LEVEL": "off",
      ]),
      clock: { clock.now }
    )
    let function = ValidateToken(sessions: resources.sessions, tokens: try resources.tokens)
    return Door(function, resources)
  }

  @Test func `a valid token has its user, role and expiry in the answer`() throws {
    let answer = try fixture.validateToken.rest(
      "POST",
      "/api/v1/auth/validate",
      json: #"{"token": "\#(tokens.accessToken)"}"#
    )

    #expect(answer.status == 200)
    #expect(answer.names == ["valid", "user_id", "username", "role", "expires_at"])
    #expect(answer["valid"] == .bool(true))
    #expect(answer.text("user_id") == ada.id.text)
    #expect(answer.text("username") == ada.username)
    #expect(answer.text("role") == "USER")
    #expect(
      answer.text("expires_at") == Instant(seconds: fixture.clock.now.seconds + 86_400).rfc3339
    )
  }

  @Test func `an expired token says so`() throws {
    fixture.clock.advance(seconds: 86_400)

    let answer = try fixture.validateToken.rest(
      "POST",
      "/api/v1/auth/validate",
      json: #"{"token": "\#(tokens.accessToken)"}"#
    )
    #expect(answer.status == 200)
    #expect(answer.body == #"{"valid":false,"reason":"TOKEN_EXPIRED"}"#)
  }

  @Test func `a token that was not issued by us is invalid`() throws {
    let swapped = String(tokens.accessToken.dropLast(4)) + "AAAA"
    let unsigned = "eyJhbGciOiJub25lIn0." + tokens.accessToken.split(separator: ".")[1] + "."

    for token in ["x", swapped, unsigned, tokens.refreshToken, tokens.accessToken + "."] {
      #expect(try validate(token).reason == "TOKEN_INVALID")
    }
  }

  @Test func `a role that there is not is invalid, and so is a user without a session`() throws {
    let king = try fixture.token(userID: ada.id.text, role: "KING", sessionID: fixture.id().text)
    let homeless = try fixture.token(userID: ada.id.text, role: "ADMIN", sessionID: nil)

    #expect(try validate(king).reason == "TOKEN_INVALID")
    #expect(try validate(homeless).reason == "TOKEN_INVALID")
  }

  @Test func `a service's token needs no session`() throws {
    let service = try fixture.stranger(.service)

    let response = try validate(service.token)
    #expect(response.valid)
    #expect(response.role == .service)
    #expect(response.userID == service.id.text)
  }

  @Test func `a session that ended, expired or never was takes its tokens with it`() throws {
    let brief = try Fixture(settings: ["REFRESH_TOKEN_SECONDS": "60"], keys: fixture.keys)
    let short = try brief.signIn(ada)
    brief.clock.advance(seconds: 60)
    #expect(
      try brief.validateToken(.with { $0.token = short.accessToken }).reason == "SESSION_REVOKED"
    )

    #expect(try validate(ada.token).reason == "SESSION_REVOKED")

    try fixture.logout(.with { $0.refreshToken = tokens.refreshToken })
    #expect(try validate(tokens.accessToken).reason == "SESSION_REVOKED")
  }

  @Test func `without a token there is nothing to validate`() throws {
    for (body, reason) in [
      ("{}", "is required"), (#"{"token": null}"#, "is required"),
      (#"{"token": ""}"#, "must not be empty"),
    ] {
      let answer = try fixture.validateToken.rest("POST", "/api/v1/auth/validate", json: body)
      #expect(answer.code == .invalidArgument)
      #expect(answer.details == ["token": reason])
    }
    #expect(try fixture.validateToken.rpc([.init()]).fields == ["token": "is required"])
  }

  @Test func `while the session store is unavailable no token is said to be valid`() throws {
    let door = try door(at: "postgresql://auth_service@/user_db?host=/nowhere")

    let answer = try door.rest(
      "POST",
      "/api/v1/auth/validate",
      json: #"{"token": "\#(tokens.accessToken)"}"#
    )
    #expect(answer.status == 503)
    #expect(answer.code == .unavailable)
    #expect(answer.headers["Retry-After"] == "1")
  }
}
