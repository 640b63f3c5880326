import API
import Endpoint
import JSON
import PostgreSQL
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

  /// As nginx asks before it lets a request through.
  func check(_ authorization: String?, with door: Door<ValidateToken>? = nil) throws -> Answer {
    var headers = ["SESSION_CHECK": "session"]
    headers["HTTP_AUTHORIZATION"] = authorization
    return try (door ?? fixture.validateToken).rest(
      "GET",
      "/api/v1/auth/validate",
      headers: headers
    )
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

  @Test func `a good token says who, what and until when`() throws {
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

  @Test func `a token that is none of ours is invalid`() throws {
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
    for body in ["{}", #"{"token": ""}"#, #"{"token": null}"#] {
      let answer = try fixture.validateToken.rest("POST", "/api/v1/auth/validate", json: body)
      #expect(answer.code == .invalidArgument)
      #expect(answer.details == ["token": "is required"])
    }
  }

  // MARK: The gateway's question

  @Test func `the gateway gets a 204 for a session that lives`() throws {
    let answer = try check("Bearer \(tokens.accessToken)")

    #expect(answer.status == 204)
    #expect(answer.body.isEmpty)
  }

  @Test func `the gateway gets a 401 with the code of the refusal`() throws {
    #expect(try check(nil).headers["X-Refusal"] == "UNAUTHENTICATED")
    #expect(try check("Bearer x").headers["X-Refusal"] == "TOKEN_INVALID")
    #expect(try check("Basic YTpi").status == 401)
    try fixture.logout(.with { $0.refreshToken = tokens.refreshToken })
    let answer = try check("Bearer \(tokens.accessToken)")
    #expect(answer.status == 401)
    #expect(answer.headers["X-Refusal"] == "SESSION_REVOKED")
    #expect(answer.headers["WWW-Authenticate"]?.contains("invalid_token") == true)
    fixture.clock.advance(seconds: 86_400)
    #expect(try check("Bearer \(tokens.accessToken)").headers["X-Refusal"] == "TOKEN_EXPIRED")
  }

  @Test func `while the session store is away the token's own validity counts for the gateway`()
    throws
  {
    let door = try door(at: "postgresql://auth_service@/user_db?host=/nowhere")

    #expect(try check("Bearer \(tokens.accessToken)", with: door).status == 204)
    #expect(try check("Bearer x", with: door).headers["X-Refusal"] == "TOKEN_INVALID")
  }

  @Test func `while the session store is away nobody else is told that a token is good`() throws {
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

  @Test func `a session store that hangs delays the gateway once, and briefly`() throws {
    let server = SilentServer()
    defer { withExtendedLifetime(server) {} }
    let door = try door(at: server.url)

    let first = try timed { try check("Bearer \(tokens.accessToken)", with: door) }
    #expect(first.result.status == 204)
    #expect((0.2...0.8).contains(first.seconds))
    // Asked again at once it does not wait at all.
    let next = try timed {
      try (0..<50).map { _ in try check("Bearer \(tokens.accessToken)", with: door).status }
    }
    #expect(next.result.allSatisfy { $0 == 204 })
    #expect(next.seconds < 0.4)
  }
}
