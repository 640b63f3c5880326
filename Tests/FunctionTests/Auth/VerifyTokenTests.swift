import API
import Endpoint
import Runtime
import Serving
import Testing
import Values

@testable import VerifyToken

struct VerifyTokenTests {
  let fixture: Fixture
  let ada: Person
  /// The function as it runs: without a database.
  let door: Door<VerifyToken>

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
    let clock = fixture.clock
    let resources = try Resources(
      function: "verify-token",
      settings: Settings(["JWT_KEYS_FILE": fixture.keys.path, "LOG_LEVEL": "off"]),
      needsDatabase: false,
      clock: { clock.now }
    )
    door = Door(VerifyToken(tokens: try resources.tokens), resources)
  }

  /// Asks as nginx does before it lets a request through.
  func check(_ authorization: String?) throws -> Answer {
    var headers = ["SESSION_CHECK": "token"]
    headers["HTTP_AUTHORIZATION"] = authorization
    return try door.rest("GET", "/internal/verify-token", headers: headers)
  }

  @Test func `a valid token is a 300 without a body, which leads on to the next question`() throws {
    for person in [ada, try fixture.stranger(.admin), try fixture.stranger(.service)] {
      let answer = try check("Bearer \(person.token)")
      #expect(answer.status == 300)
      #expect(answer.body.isEmpty)
    }
  }

  @Test func `any other is a 401 with the code of the refusal`() throws {
    let homeless = try fixture.token(userID: ada.id.text, role: "ADMIN", sessionID: nil)
    let king = try fixture.token(userID: ada.id.text, role: "KING", sessionID: fixture.id().text)

    #expect(try check(nil).headers["X-Refusal"] == "UNAUTHENTICATED")
    for token in ["x", ada.token + ".", homeless, king, String(repeating: "a.", count: 50_000)] {
      let answer = try check("Bearer \(token)")
      #expect(answer.status == 401)
      #expect(answer.headers["X-Refusal"] == "TOKEN_INVALID")
      #expect(answer.headers["WWW-Authenticate"]?.contains("invalid_token") == true)
    }
    fixture.clock.advance(seconds: 3600)
    #expect(try check("Bearer \(ada.token)").headers["X-Refusal"] == "TOKEN_EXPIRED")
  }

  @Test func `a key that verifies no longer takes its tokens with it`() throws {
    fixture.keys.write([.init(id: "k2", signs: true), .init(id: "k1")])
    fixture.clock.advance(seconds: 2)
    #expect(try check("Bearer \(ada.token)").status == 300)

    fixture.keys.write([.init(id: "k2", signs: true)])
    fixture.clock.advance(seconds: 2)
    #expect(try check("Bearer \(ada.token)").headers["X-Refusal"] == "TOKEN_INVALID")
  }
}
