import API
import Endpoint
import Testing
import Values

struct DeleteTaskTests {
  let fixture: Fixture
  let ada: Person
  let task: TaskMessage

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
    task = try fixture.createTask(.with { $0.title = "Paint" }, as: ada.caller)
  }

  @Test func `the owner removes it`() throws {
    let other = try fixture.createTask(.with { $0.title = "Another" }, as: ada.caller)

    let answer = try fixture.deleteTask.rest("DELETE", "/api/v1/tasks/\(task.id)", token: ada.token)
    #expect(answer.status == 204)
    #expect(answer.body.isEmpty)
    #expect(try fixture.row(ofTask: task.id) == nil)
    #expect(try fixture.row(ofTask: other.id) != nil)
  }

  @Test func `an admin removes every task`() throws {
    try fixture.deleteTask(.with { $0.id = task.id }, as: fixture.stranger(.admin).caller)

    #expect(try fixture.row(ofTask: task.id) == nil)
  }

  @Test func `a task that is deleted or never existed is not found`() throws {
    try fixture.deleteTask(.with { $0.id = task.id }, as: ada.caller)

    for id in [task.id, fixture.id().text, "x"] {
      #expect(fixture.deleteTask.refusal(.with { $0.id = id }, as: ada.caller) == .taskNotFound)
    }
  }

  @Test func `to others it is not there`() throws {
    let answer = try fixture.deleteTask.rest(
      "DELETE",
      "/api/v1/tasks/\(task.id)",
      token: fixture.stranger().token
    )

    #expect(answer.status == 404)
    #expect(answer.code == .taskNotFound)
    #expect(try fixture.row(ofTask: task.id) != nil)
  }

  @Test func `a service removes none`() throws {
    let answer = try fixture.deleteTask.rest(
      "DELETE",
      "/api/v1/tasks/\(task.id)",
      token: fixture.stranger(.service).token
    )

    #expect(answer.status == 403)
    #expect(try fixture.row(ofTask: task.id) != nil)
  }

  @Test func `a request to remove has no body`() throws {
    let answer = try fixture.deleteTask.rest(
      "DELETE",
      "/api/v1/tasks/\(task.id)",
      json: "{}",
      token: ada.token
    )

    #expect(answer.code == .invalidArgument)
    #expect(try fixture.row(ofTask: task.id) != nil)
  }
}
