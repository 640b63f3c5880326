import API
import Endpoint
import Testing
import Values

struct LogoutTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
  }

  func lives(_ session: TokenResponse) throws -> Bool {
    try fixture.validateToken(.with { $0.token = session.accessToken }).valid
  }

  @Test func `signing out ends this session and no other`() throws {
    let sessions = try (0..<3).map { _ in try fixture.signIn(ada) }

    let answer = try fixture.logout.rest(
      "POST",
      "/api/v1/auth/logout",
      json: #"{"refresh_token": "\#(sessions[1].refreshToken)"}"#
    )
    #expect(answer.status == 204)
    #expect(answer.body.isEmpty)
    #expect(try sessions.map(lives) == [true, false, true])
    #expect(
      try fixture.refreshToken.refusal(.with { $0.refreshToken = sessions[1].refreshToken })?.code
        == .sessionRevoked
    )
  }

  @Test func `signing out everywhere ends every session of the user, and nobody else's`() throws {
    let bob = try fixture.user()
    let sessions = try [ada, ada, ada, bob].map { try fixture.signIn($0) }

    let answer = try fixture.logout.rest(
      "POST",
      "/api/auth/logout",
      json: #"{"refresh_token": "\#(sessions[0].refreshToken)", "everywhere": true}"#
    )
    #expect(answer.status == 204)
    #expect(try sessions.map(lives) == [false, false, false, true])
  }

  @Test func `ending a session that has ended succeeds and changes nothing`() throws {
    let session = try fixture.signIn(ada)
    try fixture.logout(.with { $0.refreshToken = session.refreshToken })
    let before = try fixture.sessionRows(of: ada)

    fixture.clock.advance(seconds: 5)
    try fixture.logout(.with { $0.refreshToken = session.refreshToken })
    try fixture.logout(.with { ($0.refreshToken, $0.everywhere) = (session.refreshToken, true) })
    #expect(try fixture.sessionRows(of: ada) == before)
  }

  @Test func `a token that was replaced signs out too`() throws {
    let session = try fixture.signIn(ada)
    let next = try fixture.refreshToken(.with { $0.refreshToken = session.refreshToken })

    try fixture.logout(.with { $0.refreshToken = session.refreshToken })
    #expect(try !lives(next))
  }

  @Test func `an expired refresh token succeeds and changes nothing`() throws {
    let session = try fixture.signIn(ada)
    fixture.clock.advance(seconds: 2_592_001)

    try fixture.logout(.with { $0.refreshToken = session.refreshToken })
    #expect(try fixture.sessionRows(of: ada)[0].contains(#""end_reason":null"#))
  }

  @Test func `the token of an ended session cannot sign its user out everywhere`() throws {
    let ended = try fixture.signIn(ada)
    let other = try fixture.signIn(ada)
    try fixture.logout(.with { $0.refreshToken = ended.refreshToken })

    try fixture.logout(
      .with {
        $0.refreshToken = ended.refreshToken
        $0.everywhere = true
      }
    )
    #expect(try lives(other))
  }

  @Test func `a token that was not issued by us is refused`() throws {
    let session = try fixture.signIn(ada)
    let before = try fixture.sessionRows(of: ada)
    let swapped = String(session.refreshToken.dropLast(4)) + "AAAA"

    for token in ["", "x", swapped, session.accessToken, session.refreshToken + "."] {
      let problem = try fixture.logout.refusal(
        .with { ($0.refreshToken, $0.everywhere) = (token, true) }
      )
      #expect(problem?.code == .refreshTokenInvalid)
    }
    #expect(try fixture.sessionRows(of: ada) == before)
  }

  @Test func `a token of a deleted user is refused`() throws {
    let session = try fixture.signIn(ada)
    try fixture.deleteUser(.with { $0.id = ada.id.text }, as: ada.caller)

    let answer = try fixture.logout.rest(
      "POST",
      "/api/v1/auth/logout",
      json: #"{"refresh_token": "\#(session.refreshToken)"}"#
    )
    #expect(answer.status == 401)
    #expect(answer.code == .refreshTokenInvalid)
  }

  @Test func `one answer names every invalid field`() throws {
    let answer = try fixture.logout.rest(
      "POST",
      "/api/v1/auth/logout",
      json: #"{"everywhere": "yes"}"#
    )

    #expect(answer.code == .invalidArgument)
    #expect(
      answer.details == ["refresh_token": "is required", "everywhere": "must be true or false"]
    )
  }

  @Test func `many sessions of one user sign out everywhere at once`() throws {
    let sessions = try (0..<6).map { _ in try fixture.signIn(ada) }
    let keys = fixture.keys

    let outcomes = onThreads(sessions.count) { number in
      try Fixture(keys: keys).logout.refusal(
        .with { ($0.refreshToken, $0.everywhere) = (sessions[number].refreshToken, true) }
      )?.code
    }.map { try? $0.get() }
    #expect(outcomes.allSatisfy { $0 == .some(nil) })
    #expect(try sessions.map(lives).allSatisfy { !$0 })
  }
}
