import API
import Endpoint
import Testing
import Tokens
import Values

/// Sessions when much happens at once, when keys change, and when there are many of them.
struct SessionTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
  }

  func refresh(_ token: String) throws -> TokenResponse {
    try fixture.refreshToken(.with { $0.refreshToken = token })
  }

  func refusal(_ token: String) throws -> Problem.Code? {
    try fixture.refreshToken.refusal(.with { $0.refreshToken = token })?.code
  }

  @Test func `fifty refreshes at once with one token all get one and the same successor`() throws {
    let token = try fixture.signIn(ada).refreshToken
    let keys = fixture.keys

    let answers = onThreads(50) { _ in
      try Fixture(keys: keys).refreshToken(.with { $0.refreshToken = token })
    }.compactMap { try? $0.get() }
    #expect(answers.count == 50)
    #expect(Set(answers.map(\.refreshToken)).count == 1)
    #expect(Set(answers.map(\.accessToken)).count == 50)
    let rows = try fixture.sessionRows(of: ada)
    #expect(rows.count == 1)
    #expect(rows.first?.contains(#""generation":1,"#) == true)
    // The successor works an hour later.
    fixture.clock.advance(seconds: 3600)
    let successor = try #require(answers.first?.refreshToken)
    #expect(try refresh(successor).refreshToken != successor)
  }

  @Test func `a refresh and a sign-out at once leave no living session`() throws {
    let keys = fixture.keys
    for _ in 0..<10 {
      let tokens = try fixture.signIn(ada)
      _ = onThreads(2) { number in
        let fixture = try Fixture(keys: keys)
        if number == 0 {
          _ = try fixture.logout.refusal(.with { $0.refreshToken = tokens.refreshToken })
        } else {
          _ = try fixture.refreshToken.refusal(.with { $0.refreshToken = tokens.refreshToken })
        }
      }
      #expect(try !fixture.validateToken(.with { $0.token = tokens.accessToken }).valid)
      #expect(try refusal(tokens.refreshToken) == .sessionRevoked)
    }
  }

  @Test func `everything at once to one user's sessions comes in some order, and ends`() throws {
    let sessions = try (0..<8).map { _ in try fixture.signIn(self.ada) }
    let (keys, ada, admin) = (fixture.keys, ada, try fixture.stranger(.admin))

    let outcomes = onThreads(sessions.count * 2) { number in
      let fixture = try Fixture(keys: keys)
      let token = sessions[number / 2].refreshToken
      return switch number % 8 {
      case 0, 3, 6: try fixture.refreshToken.refusal(.with { $0.refreshToken = token })?.code
      case 1: try fixture.logout.refusal(.with { $0.refreshToken = token })?.code
      case 2, 4:
        try fixture.logout.refusal(.with { ($0.refreshToken, $0.everywhere) = (token, true) })?.code
      case 5:
        try fixture.login.refusal(
          .with { ($0.username, $0.password) = (ada.username, ada.password) }
        )?
        .code
      default:
        try fixture.updateUser.refusal(
          .with { ($0.id, $0.password) = (ada.id.text, ada.password) },
          as: admin.caller
        )?.code
      }
    }
    for outcome in outcomes {
      let code = try outcome.get()
      // A sign-in that is overtaken by a password change has the wrong password.
      #expect([nil, .sessionRevoked, .invalidCredentials].contains(code))
    }
    for session in sessions { #expect(try refusal(session.refreshToken) == .sessionRevoked) }
  }

  // MARK: Keys

  @Test func `a session goes on over a change of keys, and a lost answer is still given again`()
    throws
  {
    let first = try fixture.signIn(ada)
    fixture.keys.write([.init(id: "k2", signs: true), .init(id: "k1")])
    fixture.clock.advance(seconds: 2)

    let second = try refresh(first.refreshToken)
    #expect(first.refreshToken.hasPrefix("k1."))
    #expect(second.refreshToken.hasPrefix("k2."))
    let row = try #require(fixture.sessionRows(of: ada).first)
    #expect(row.contains(sha256Hexadecimal(second.refreshToken)))
    #expect(try refresh(first.refreshToken).refreshToken == second.refreshToken)
    #expect(try fixture.validateToken(.with { $0.token = first.accessToken }).valid)
    let third = try refresh(second.refreshToken)
    // Within the grace period, the key of the older token is still accepted.
    #expect(try refresh(first.refreshToken).refreshToken == second.refreshToken)
    #expect(third.refreshToken.hasPrefix("k2."))
    fixture.clock.advance(seconds: 10)
    #expect(try refusal(first.refreshToken) == .refreshTokenReused)
  }

  @Test func `a lost answer is given again when the key changed after it`() throws {
    let first = try fixture.signIn(ada)
    let second = try refresh(first.refreshToken)
    fixture.keys.write([.init(id: "k2", signs: true), .init(id: "k1")])
    fixture.clock.advance(seconds: 2)

    #expect(try refresh(first.refreshToken).refreshToken == second.refreshToken)
    let third = try refresh(second.refreshToken)
    #expect(try refresh(first.refreshToken).refreshToken == second.refreshToken)
    #expect(try refresh(second.refreshToken).refreshToken == third.refreshToken)
  }

  @Test func `a token made with a key that is gone is refused`() throws {
    let first = try fixture.signIn(ada)
    fixture.keys.write([.init(id: "k2", signs: true)])
    fixture.clock.advance(seconds: 2)

    #expect(try refusal(first.refreshToken) == .refreshTokenInvalid)
    #expect(
      try fixture.validateToken(.with { $0.token = first.accessToken }).reason == "TOKEN_INVALID"
    )
    #expect(try fixture.signIn(ada).refreshToken.hasPrefix("k2."))
  }

  // MARK: Many

  @Test func `a user has at most a hundred sessions: the oldest go`() throws {
    var sessions: [TokenResponse] = []
    for _ in 0..<105 {
      fixture.clock.advance(seconds: 1)
      sessions.append(try fixture.signIn(ada))
    }

    #expect(try fixture.sessionRows(of: ada).count == 100)
    #expect(try refusal(sessions[4].refreshToken) == .refreshTokenInvalid)
    #expect(try refusal(sessions[5].refreshToken) == nil)
    #expect(try refusal(sessions[104].refreshToken) == nil)
  }

  @Test func `a sign-in clears away the user's expired sessions`() throws {
    _ = try fixture.signIn(ada)
    fixture.clock.advance(seconds: 2_592_001)
    _ = try fixture.signIn(ada)

    #expect(try fixture.sessionRows(of: ada).count == 1)
  }

  @Test func `a session remembers no more rotations than it needs`() throws {
    var token = try fixture.signIn(ada).refreshToken
    for _ in 0..<80 { token = try refresh(token).refreshToken }

    let row = try #require(try fixture.sessionRows(of: ada).first)
    let rotations = try #require(
      row.split(separator: #""rotations":["#).last?.split(separator: "]").first
    )
    #expect(rotations.split(separator: ",").count == 64)
    fixture.clock.advance(seconds: 60)
    _ = try refresh(token)
    let later = try #require(try fixture.sessionRows(of: ada).first)
    #expect(later.count < row.count / 2)
  }
}
