import API
import Endpoint
import JSON
import Passwords
import Runtime
import Serving
import Stores
import Testing
import Validation
import Values

struct UpdateUserTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
  }

  func patch(
    _ json: String,
    as caller: Person? = nil,
    headers: [String: String] = [:]
  ) throws -> Answer {
    try fixture.updateUser.rest(
      "PATCH",
      "/api/v1/users/\(ada.id)",
      json: json,
      token: (caller ?? ada).token,
      headers: headers
    )
  }

  /// The user as the caller in one of their sessions.
  func caller(_ person: Person, in session: TokenResponse) throws -> Caller {
    try fixture.authService.tokens.caller(of: session.accessToken, at: fixture.clock.now)
  }

  func lives(_ session: TokenResponse) throws -> Bool {
    try fixture.validateToken(.with { $0.token = session.accessToken }).valid
  }

  @Test func `PATCH changes what is given and nothing else`() throws {
    let before = try fixture.userService.users(by: .soon).find(ada.id)
    fixture.clock.advance(seconds: 60)

    let answer = try patch(#"{"full_name": "Ada Lovelace"}"#)
    #expect(answer.status == 200)
    #expect(answer.headers["ETag"] == "\"2\"")
    let after = try fixture.userService.users(by: .soon).find(ada.id)
    var expected = before
    expected.fullName = "Ada Lovelace"
    expected.updatedAt = Timestamp(fixture.clock.now)
    expected.version = 2
    #expect(after == expected)
  }

  @Test func `PATCH with null clears`() throws {
    _ = try patch(#"{"full_name": "Ada", "time_zone": "Asia/Tokyo"}"#)

    let answer = try patch(#"{"full_name": null, "time_zone": null}"#)
    #expect(answer["full_name"] == .null)
    #expect(answer.text("time_zone") == "UTC")
  }

  @Test func `PUT gives every optional field that is missing its default`() throws {
    _ = try patch(#"{"full_name": "Ada", "time_zone": "Asia/Tokyo"}"#)

    let answer = try fixture.updateUser.rest(
      "PUT",
      "/api/v1/users/\(ada.id)",
      json: #"{"username": "x\#(ada.username)", "email": "\#(ada.email)"}"#,
      token: ada.token
    )
    #expect(answer.status == 200)
    #expect(answer.text("username") == "x\(ada.username)")
    #expect(answer["full_name"] == .null)
    #expect(answer.text("time_zone") == "UTC")
    #expect(try fixture.signIn(ada.renamed("x\(ada.username)")).user.id == ada.id.text)
  }

  @Test func `PUT needs the fields that have no default`() throws {
    let before = try fixture.row(ofUser: ada.id)
    let answer = try fixture.updateUser.rest(
      "PUT",
      "/api/v1/users/\(ada.id)",
      json: "{}",
      token: ada.token
    )

    #expect(answer.code == .invalidArgument)
    #expect(answer.details == ["username": "is required", "email": "is required"])
    #expect(try fixture.row(ofUser: ada.id) == before)
  }

  @Test func `an empty PATCH is a change without changes`() throws {
    let answer = try patch("{}")

    #expect(answer.status == 200)
    #expect(answer.text("username") == ada.username)
  }

  @Test func `one answer names every invalid field and nothing changes`() throws {
    let before = try fixture.row(ofUser: ada.id)
    let answer = try patch(
      #"{"username": "", "email": null, "time_zone": "Nowhere", "password": "short", "full_name": [], "x": 1}"#
    )

    #expect(answer.code == .invalidArgument)
    #expect(
      Set(answer.details.keys) == [
        "username", "email", "time_zone", "password", "current_password", "full_name", "x",
      ]
    )
    #expect(try fixture.row(ofUser: ada.id) == before)
  }

  @Test func `to others a user is not there`() throws {
    let before = try fixture.row(ofUser: ada.id)
    let answer = try patch(#"{"full_name": "Mallory"}"#, as: fixture.user())

    #expect(answer.code == .userNotFound)
    #expect(try fixture.row(ofUser: ada.id) == before)
  }

  @Test func `a service may not change users`() throws {
    let before = try fixture.row(ofUser: ada.id)
    let answer = try patch(#"{"full_name": "Robot"}"#, as: fixture.stranger(.service))

    #expect(answer.status == 403)
    #expect(answer.code == .permissionDenied)
    #expect(try fixture.row(ofUser: ada.id) == before)
  }

  @Test func `an admin changes anybody, but nobody who does not exist`() throws {
    let admin = try fixture.stranger(.admin)

    #expect(try patch(#"{"full_name": "By admin"}"#, as: admin).text("full_name") == "By admin")
    let problem = try fixture.updateUser.refusal(
      .with { ($0.id, $0.fullName) = (fixture.id().text, "Nobody") },
      as: admin.caller
    )
    #expect(problem == .userNotFound)
  }

  @Test func `names and addresses of others are taken, one's own in another case is not`() throws {
    let bob = try fixture.user()
    let before = try fixture.row(ofUser: ada.id)

    #expect(try patch(#"{"username": "\#(bob.username.uppercased())"}"#).code == .usernameTaken)
    #expect(try patch(#"{"email": "\#(bob.email.uppercased())"}"#).code == .emailTaken)
    #expect(try fixture.row(ofUser: ada.id) == before)
    #expect(
      try patch(#"{"username": "\#(ada.username.uppercased())"}"#).text("username")
        == ada.username.uppercased()
    )
  }

  // MARK: Versions

  @Test func `a change of an older version is refused`() throws {
    _ = try patch(#"{"full_name": "First"}"#, headers: ["HTTP_IF_MATCH": "\"1\""])
    let before = try fixture.row(ofUser: ada.id)

    let answer = try patch(#"{"full_name": "Second"}"#, headers: ["HTTP_IF_MATCH": "\"1\""])
    #expect(answer.status == 412)
    #expect(answer.code == .versionMismatch)
    #expect(try fixture.row(ofUser: ada.id) == before)
  }

  @Test func `of many changes of one version one happens`() throws {
    let (keys, ada) = (fixture.keys, ada)
    let outcomes = onThreads(6) { number in
      try Fixture(keys: keys).updateUser.refusal(
        .with { ($0.id, $0.fullName, $0.expectedVersion) = (ada.id.text, "\(number)", 1) },
        as: ada.caller
      )?.code
    }.map { try? $0.get() }

    #expect(outcomes.count { $0 == .some(nil) } == 1)
    #expect(outcomes.count { $0 == .versionMismatch } == 5)
    #expect(try fixture.userService.users(by: .soon).find(ada.id).version == 2)
  }

  // MARK: Passwords

  @Test func `a new password ends the other sessions and keeps this one`() throws {
    let sessions = try (0..<3).map { _ in try fixture.signIn(ada) }

    try fixture.updateUser(
      .with {
        $0.id = ada.id.text
        $0.password = "a new password"
        $0.currentPassword = ada.password
      },
      as: caller(ada, in: sessions[1])
    )
    #expect(try sessions.map(lives) == [false, true, false])
    #expect(
      try fixture.refreshToken.refusal(.with { $0.refreshToken = sessions[0].refreshToken })?.code
        == .sessionRevoked
    )
    try fixture.refreshToken(.with { $0.refreshToken = sessions[1].refreshToken })
    #expect(try fixture.signIn(ada, password: "a new password").user.id == ada.id.text)
    #expect(
      try fixture.login.refusal(
        .with { ($0.username, $0.password) = (ada.username, ada.password) }
      )?.code
        == .invalidCredentials
    )
  }

  @Test(arguments: ["wrong", "correct horse batterY"])
  func `a new password needs the current one`(current: String) throws {
    let session = try fixture.signIn(ada)
    let before = try fixture.row(ofUser: ada.id)

    let answer = try patch(#"{"password": "a new password", "current_password": "\#(current)"}"#)
    #expect(answer.status == 403)
    #expect(answer.code == .wrongPassword)
    #expect(answer.headers["WWW-Authenticate"] == nil)
    #expect(answer.details == ["current_password": "is wrong"])
    #expect(try fixture.row(ofUser: ada.id) == before)
    #expect(try lives(session))
  }

  @Test func `a new password without the current one is a missing field`() throws {
    let answer = try patch(#"{"password": "a new password"}"#)

    #expect(answer.code == .invalidArgument)
    #expect(answer.details.keys.sorted() == ["current_password"])
  }

  @Test func `a new password fails when the current one changes at the same time`() throws {
    let changes = try UserChanges(
      .with { ($0.password, $0.currentPassword) = ("a new password", ada.password) },
      caller: ada.caller
    )
    let verified = try fixture.passwords.hash(ada.password)
    let session = try fixture.signIn(ada)
    let before = try fixture.row(ofUser: ada.id)

    let wrong = Problem(
      .wrongPassword,
      "the password has just been changed: try again",
      details: ["current_password": "is wrong"]
    )
    #expect(throws: wrong) {
      try fixture.userService.users(by: .soon).update(
        ada.id,
        with: changes,
        passwordHash: verified,
        verifiedHash: verified,
        keeping: nil,
        at: fixture.clock.now
      )
    }
    #expect(try fixture.row(ofUser: ada.id) == before)
    #expect(try lives(session))
  }

  @Test func `an admin sets a password without the current one, and all sessions end`() throws {
    let sessions = try (0..<2).map { _ in try fixture.signIn(ada) }

    let answer = try patch(#"{"password": "set by an admin"}"#, as: fixture.user(.admin))
    #expect(answer.status == 200)
    #expect(try sessions.map(lives) == [false, false])
    #expect(try fixture.signIn(ada, password: "set by an admin").user.id == ada.id.text)
  }

  @Test func `other changes leave the sessions alone`() throws {
    let session = try fixture.signIn(ada)
    _ = try patch(#"{"full_name": "Ada", "email": "new-\#(ada.email)"}"#)

    #expect(try lives(session))
  }

  // MARK: Roles

  @Test func `nobody but an admin gives a role`() throws {
    let before = try fixture.row(ofUser: ada.id)
    let answer = try patch(#"{"role": "ADMIN"}"#)

    #expect(answer.status == 403)
    #expect(answer.code == .permissionDenied)
    #expect(try fixture.row(ofUser: ada.id) == before)
  }

  @Test func `whoever sends back their own role changes nothing by it`() throws {
    let session = try fixture.signIn(ada)
    let answer = try patch(#"{"full_name": "Ada", "role": "USER"}"#)

    #expect(answer.status == 200)
    #expect(try lives(session))
  }

  @Test func `a new role ends every session, because their tokens name the old one`() throws {
    let session = try fixture.signIn(ada)

    #expect(try patch(#"{"role": "ADMIN"}"#, as: fixture.user(.admin)).text("role") == "ADMIN")
    #expect(try !lives(session))
    let next = try fixture.signIn(ada)
    #expect(try caller(ada, in: next).role == .admin)
  }

  @Test func `a role that there is not is refused`() throws {
    let answer = try patch(#"{"role": "KING"}"#, as: fixture.user(.admin))

    #expect(answer.details == ["role": "must be one of USER, ADMIN, SERVICE"])
  }
}

extension Person {
  /// The same user under another name.
  func renamed(_ username: String) -> Person {
    Person(
      id: id,
      username: username,
      email: email,
      password: password,
      caller: caller,
      token: token
    )
  }
}
