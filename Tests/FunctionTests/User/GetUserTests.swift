import API
import Endpoint
import JSON
import Testing
import Values

struct GetUserTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.user()
  }

  @Test(arguments: [Role.admin, .service])
  func `admins and services see anybody`(role: Role) throws {
    let user = try fixture.getUser(.with { $0.id = ada.id.text }, as: fixture.stranger(role).caller)

    #expect(user.username == ada.username)
  }

  @Test func `a user sees themselves, with a tag for the version`() throws {
    let answer = try fixture.getUser.rest("GET", "/api/v1/users/\(ada.id)", token: ada.token)

    #expect(answer.status == 200)
    #expect(answer.headers["ETag"] == "\"1\"")
    #expect(answer.text("email") == ada.email)
    #expect(answer["full_name"] == .null)
    #expect(!answer.body.contains("$2b$"))
  }

  @Test func `a client that has this version already gets no body`() throws {
    let answer = try fixture.getUser.rest(
      "GET",
      "/api/users/\(ada.id)",
      token: ada.token,
      headers: ["HTTP_IF_NONE_MATCH": "\"7\", W/\"1\""]
    )

    #expect(answer.status == 304)
    #expect(answer.headers["ETag"] == "\"1\"")
    #expect(answer.body.isEmpty)
  }

  @Test func `an id may come in capitals`() throws {
    let user = try fixture.getUser(.with { $0.id = ada.id.text.uppercased() }, as: ada.caller)

    #expect(user.id == ada.id.text)
  }

  @Test func `to others a user is as unknown as one who does not exist`() throws {
    let bob = try fixture.user()
    let path = "/api/v1/users/"

    let there = try fixture.getUser.rest("GET", "\(path)\(ada.id)", token: bob.token)
    let notThere = try fixture.getUser.rest("GET", "\(path)\(fixture.id())", token: bob.token)
    #expect(there.status == 404)
    #expect(there.code == .userNotFound)
    #expect(there.body == notThere.body)
  }

  @Test(arguments: [
    "", "me", "00000000-0000-0000-0000-00000000000g", "00000000-0000-7000-8000-000000000000",
  ])
  func `an id that no user has is not found`(id: String) throws {
    let problem = try fixture.getUser.refusal(
      .with { $0.id = id },
      as: fixture.stranger(.admin).caller
    )

    #expect(problem == .userNotFound)
  }
}
