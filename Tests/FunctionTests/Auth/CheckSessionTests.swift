import API
import Endpoint
import JSON
import PostgreSQL
import Runtime
import Serving
import Stores
import Testing
import Values

@testable import CheckSession

struct CheckSessionTests {
  let fixture: Fixture
  let ada: Person
  let tokens: TokenResponse

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
    tokens = try fixture.signIn(ada)
  }

  /// Asks as nginx does before it lets a request through.
  func check(_ authorization: String?, with door: Door<CheckSession>? = nil) throws -> Answer {
    var headers = ["SESSION_CHECK": "session"]
    headers["HTTP_AUTHORIZATION"] = authorization
    return try (door ?? fixture.checkSession).rest(
      "GET",
      "/internal/check-session",
      headers: headers
    )
  }

  /// The function with the session store at some other place.
  func door(at url: String) throws -> Door<CheckSession> {
    let clock = fixture.clock
    let resources = try Resources(
      function: "check-session",
      settings: Settings([
        "DATABASE_URL": url, "JWT_KEYS_FILE": fixture.keys.path, "LOG_LEVEL": "off",
      ]),
      clock: { clock.now }
    )
    let function = CheckSession(sessions: resources.sessions, tokens: try resources.tokens)
    return Door(function, resources)
  }

  @Test func `the gateway gets a 303 for a session that lives`() throws {
    let answer = try check("Bearer \(tokens.accessToken)")

    #expect(answer.status == 303)
    #expect(answer.body.isEmpty)
  }

  @Test func `the gateway gets a 401 with the code of the refusal`() throws {
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

  @Test
  func `while the session store is unavailable the token's own validity counts for the gateway`()
    throws
  {
    let door = try door(at: "postgresql://auth_service@/user_db?host=/nowhere")

    #expect(try check("Bearer \(tokens.accessToken)", with: door).status == 303)
    #expect(try check("Bearer x", with: door).headers["X-Refusal"] == "TOKEN_INVALID")
  }

  @Test func `a session store that hangs delays the gateway once, and briefly`() throws {
    let server = SilentServer()
    defer { withExtendedLifetime(server) {} }
    let door = try door(at: server.url)

    let first = try timed { try check("Bearer \(tokens.accessToken)", with: door) }
    #expect(first.result.status == 303)
    #expect((0.2...0.8).contains(first.seconds))
    // Asked again at once, it does not wait at all.
    let next = try timed {
      try (0..<50).map { _ in try check("Bearer \(tokens.accessToken)", with: door).status }
    }
    #expect(next.result.allSatisfy { $0 == 303 })
    #expect(next.seconds < 0.4)
  }
}
