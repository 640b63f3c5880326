import API
import Endpoint
import PostgreSQL
import Runtime
import Serving
import Testing
import Tokens
import Values

struct RefreshTokenTests {
  let fixture: Fixture
  let ada: Person
  let first: TokenResponse

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
    first = try fixture.signIn(ada)
  }

  func refresh(_ tokens: TokenResponse) throws -> TokenResponse {
    try fixture.refreshToken(.with { $0.refreshToken = tokens.refreshToken })
  }

  func refusal(_ tokens: TokenResponse) throws -> Problem.Code? {
    try fixture.refreshToken.refusal(.with { $0.refreshToken = tokens.refreshToken })?.code
  }

  func lives(_ session: TokenResponse) throws -> Bool {
    try fixture.validateToken(.with { $0.token = session.accessToken }).valid
  }

  @Test func `every use gives a new pair of the same session, and no new row`() throws {
    var tokens = first
    var seen: Set<String> = [first.refreshToken]
    for _ in 0..<5 {
      fixture.clock.advance(seconds: 100)
      tokens = try refresh(tokens)
      #expect(seen.insert(tokens.refreshToken).inserted)
      #expect(try lives(tokens))
    }
    let rows = try fixture.sessionRows(of: ada)
    #expect(rows.count == 1)
    #expect(rows.first?.contains(#""generation":5"#) == true)
    #expect(rows.first?.contains(sha256Hexadecimal(tokens.refreshToken)) == true)
    let read = { (token: String) in
      try fixture.authService.tokens.claims(of: token, at: fixture.clock.now)
    }
    #expect(try read(tokens.accessToken).sessionID == read(first.accessToken).sessionID)
    #expect(try read(tokens.accessToken).tokenID != read(first.accessToken).tokenID)
  }

  @Test func `over REST it has the shape of a sign-in`() throws {
    let answer = try fixture.refreshToken.rest(
      "POST",
      "/api/v1/auth/refresh",
      json: #"{"refresh_token": "\#(first.refreshToken)"}"#
    )

    #expect(answer.status == 200)
    #expect(answer.names == ["access_token", "refresh_token", "token_type", "expires_in", "user"])
  }

  @Test
  func `a lost answer is given again within the grace period, even when the successor was used`()
    throws
  {
    let second = try refresh(first)
    let third = try refresh(second)

    fixture.clock.advance(seconds: 9)
    #expect(try refresh(first).refreshToken == second.refreshToken)
    #expect(try refresh(second).refreshToken == third.refreshToken)
    #expect(try refresh(third).refreshToken != third.refreshToken)
  }

  @Test func `a lost answer is given again at any time while the successor was never used`() throws
  {
    let second = try refresh(first)

    fixture.clock.advance(seconds: 3600)
    let again = try refresh(first)
    #expect(again.refreshToken == second.refreshToken)
    #expect(try lives(again))
    let third = try refresh(again)
    #expect(third.refreshToken != second.refreshToken)
  }

  @Test func `any other re-use ends the session, and that stays so`() throws {
    let second = try refresh(first)
    let third = try refresh(second)
    fixture.clock.advance(seconds: 10)

    let answer = try fixture.refreshToken.rest(
      "POST",
      "/api/v1/auth/refresh",
      json: #"{"refresh_token": "\#(first.refreshToken)"}"#
    )
    #expect(answer.status == 401)
    #expect(answer.code == .refreshTokenReused)
    #expect(try fixture.sessionRows(of: ada)[0].contains(#""end_reason":"REUSE""#))
    // Another process sees it too: it was committed.
    let other = try Fixture(keys: fixture.keys)
    #expect(
      try other.validateToken(.with { $0.token = third.accessToken }).reason == "SESSION_REVOKED"
    )
    #expect(try refusal(first) == .sessionRevoked)
    #expect(try refusal(second) == .sessionRevoked)
    #expect(try refusal(third) == .sessionRevoked)
  }

  @Test func `a re-use ends that one session of the user only`() throws {
    let other = try fixture.signIn(ada)
    _ = try refresh(refresh(first))
    fixture.clock.advance(seconds: 10)

    #expect(try refusal(first) == .refreshTokenReused)
    #expect(try lives(other))
    #expect(try refresh(other).user.id == ada.id.text)
  }

  @Test func `the life of the session is counted from its last refresh`() throws {
    fixture.clock.advance(seconds: 2_591_999)
    let second = try refresh(first)
    fixture.clock.advance(seconds: 2_591_999)
    let third = try refresh(second)
    fixture.clock.advance(seconds: 2_592_000)

    #expect(try refusal(third) == .refreshTokenExpired)
    #expect(try refusal(second) == .refreshTokenExpired)
  }

  @Test func `a token that was not issued by us is refused and nothing changes`() throws {
    let before = try fixture.sessionRows(of: ada)
    let swapped = String(first.refreshToken.dropLast(4)) + "AAAA"

    for token in ["", "x", swapped, first.accessToken, first.refreshToken + "."] {
      #expect(
        try fixture.refreshToken.refusal(.with { $0.refreshToken = token })?.code
          == .refreshTokenInvalid
      )
    }
    #expect(try fixture.sessionRows(of: ada) == before)
  }

  @Test func `a generation that was never issued is refused and ends nothing`() throws {
    let session = try fixture.authService.tokens.read(
      refreshToken: first.refreshToken,
      at: fixture.clock.now
    )
    let future = try #require(
      RefreshTokens.make(
        sessionID: session.sessionID,
        generation: 7,
        keyID: "k1",
        ring: fixture.keys.ring
      )
    )

    #expect(
      try fixture.refreshToken.refusal(.with { $0.refreshToken = future })?.code
        == .refreshTokenInvalid
    )
    #expect(try lives(first))
  }

  @Test func `a session that has ended issues no more tokens`() throws {
    try fixture.logout(.with { $0.refreshToken = first.refreshToken })

    #expect(try refusal(first) == .sessionRevoked)
  }

  @Test func `the new access token names today's role and user`() throws {
    // Not through UpdateUser, which would end the session.
    _ = try fixture.userService.database.write(
      Query("UPDATE users SET role = 'ADMIN', full_name = 'Ada' WHERE id = $1", .text(ada.id.text))
    )

    let second = try refresh(first)
    #expect(second.user.fullName == "Ada")
    #expect(
      try fixture.authService.tokens.caller(of: second.accessToken, at: fixture.clock.now).role
        == .admin
    )
  }

  @Test func `a missing token is a missing field`() throws {
    let answer = try fixture.refreshToken.rest(
      "POST",
      "/api/v1/auth/refresh",
      json: #"{"token": "x"}"#
    )

    #expect(answer.code == .invalidArgument)
    #expect(
      answer.details == ["refresh_token": "is required", "token": "is not a field of this request"]
    )
  }
}
