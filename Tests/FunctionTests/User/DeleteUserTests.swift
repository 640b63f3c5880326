import API
import Endpoint
import Testing
import Values

struct DeleteUserTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
  }

  @Test func `a user goes, and every session with them`() throws {
    let session = try fixture.signIn(ada)

    let answer = try fixture.deleteUser.rest("DELETE", "/api/v1/users/\(ada.id)", token: ada.token)
    #expect(answer.status == 204)
    #expect(answer.body.isEmpty)
    #expect(try fixture.row(ofUser: ada.id) == nil)
    #expect(try fixture.sessionRows(of: ada).isEmpty)
    #expect(
      try fixture.validateToken(.with { $0.token = session.accessToken }).reason
        == "SESSION_REVOKED"
    )
    #expect(
      try fixture.refreshToken.refusal(.with { $0.refreshToken = session.refreshToken })?.code
        == .refreshTokenInvalid
    )
    #expect(
      try fixture.login.refusal(
        .with { ($0.username, $0.password) = (ada.username, ada.password) }
      )?.code
        == .invalidCredentials
    )
  }

  @Test func `an admin removes anybody`() throws {
    try fixture.deleteUser(.with { $0.id = ada.id.text }, as: fixture.stranger(.admin).caller)

    #expect(try fixture.row(ofUser: ada.id) == nil)
  }

  @Test func `nobody goes twice`() throws {
    let admin = try fixture.stranger(.admin).caller
    try fixture.deleteUser(.with { $0.id = ada.id.text }, as: admin)

    #expect(fixture.deleteUser.refusal(.with { $0.id = ada.id.text }, as: admin) == .userNotFound)
    #expect(fixture.deleteUser.refusal(.with { $0.id = "me" }, as: admin) == .userNotFound)
  }

  @Test func `to others a user is not there`() throws {
    let before = try fixture.row(ofUser: ada.id)
    let answer = try fixture.deleteUser.rest(
      "DELETE",
      "/api/v1/users/\(ada.id)",
      token: fixture.user().token
    )

    #expect(answer.status == 404)
    #expect(answer.code == .userNotFound)
    #expect(try fixture.row(ofUser: ada.id) == before)
  }

  @Test func `a service may not remove users`() throws {
    let answer = try fixture.deleteUser.rest(
      "DELETE",
      "/api/v1/users/\(ada.id)",
      token: fixture.stranger(.service).token
    )

    #expect(answer.status == 403)
    #expect(try fixture.row(ofUser: ada.id) != nil)
  }

  @Test func `the name and the address are free again`() throws {
    try fixture.deleteUser(.with { $0.id = ada.id.text }, as: ada.caller)

    let user = try fixture.createUser(
      .with { ($0.username, $0.email, $0.password) = (ada.username, ada.email, "12345678") }
    )
    #expect(user.id != ada.id.text)
  }
}
