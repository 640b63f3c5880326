import API
import Endpoint
import JSON
import Testing
import Values

struct GetTaskTests {
  let fixture: Fixture
  let ada: Person
  let task: TaskMessage

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
    task = try fixture.createTask(.with { $0.title = "Paint" }, as: ada.caller)
  }

  @Test func `the owner sees it, with a tag for the version`() throws {
    let answer = try fixture.getTask.rest("GET", "/api/v1/tasks/\(task.id)", token: ada.token)

    #expect(answer.status == 200)
    #expect(answer.headers["ETag"] == "\"1\"")
    #expect(answer.text("title") == "Paint")
    #expect(answer["due_date"] == .null)
  }

  @Test func `a client that has this version already gets no body`() throws {
    let known = try fixture.getTask.rest(
      "GET",
      "/api/tasks/\(task.id)",
      token: ada.token,
      headers: ["HTTP_IF_NONE_MATCH": "\"1\""]
    )
    #expect(known.status == 304)
    #expect(known.body.isEmpty)

    let older = try fixture.getTask.rest(
      "GET",
      "/api/tasks/\(task.id)",
      token: ada.token,
      headers: ["HTTP_IF_NONE_MATCH": "\"0\""]
    )
    #expect(older.status == 200)
  }

  @Test(arguments: [Role.admin, .service])
  func `admins and services see every task`(role: Role) throws {
    let seen = try fixture.getTask(
      .with { $0.id = task.id.uppercased() },
      as: fixture.stranger(role).caller
    )
    #expect(seen == task)
  }

  @Test func `to others it is as unknown as one that does not exist`() throws {
    let bob = try fixture.stranger()
    let there = try fixture.getTask.rest("GET", "/api/v1/tasks/\(task.id)", token: bob.token)
    let notThere = try fixture.getTask.rest(
      "GET",
      "/api/v1/tasks/\(fixture.id())",
      token: bob.token
    )

    #expect(there.status == 404)
    #expect(there.code == .taskNotFound)
    #expect(there.body == notThere.body)
  }

  @Test(arguments: ["", "1", "not-a-uuid", "00000000-0000-7000-8000-000000000000", "%00"])
  func `an id that no task has is not found`(id: String) throws {
    #expect(fixture.getTask.refusal(.with { $0.id = id }, as: ada.caller) == .taskNotFound)
  }
}
