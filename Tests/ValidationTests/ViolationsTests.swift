import Endpoint
import Testing

struct `The violations of a request` {
  @Test func `is no problem when it is nothing`() throws {
    let violations = Violations()
    #expect(violations.isEmpty)
    try violations.check()
  }

  @Test func `keeps the first reason of each field`() throws {
    var violations = Violations()
    violations.add("title", "is required")
    violations.add("title", "must not be empty")
    violations.add("email", "is not an e-mail address")
    #expect(!violations.isEmpty)
    #expect(violations.reasons == ["title": "is required", "email": "is not an e-mail address"])
  }

  @Test func `is a sentence when it is one field`() throws {
    var violations = Violations()
    violations.add("title", "is required")
    let problem = try #require(throws: Problem.self) { try violations.check() }
    #expect(
      problem == Problem(.invalidArgument, "title is required", details: ["title": "is required"])
    )
  }

  @Test func `names all fields in order, and each in the details`() throws {
    var violations = Violations()
    for field in ["c", "a", "b"] { violations.add(field, "is wrong") }
    let problem = try #require(throws: Problem.self) { try violations.check() }
    #expect(problem.code == .invalidArgument)
    #expect(problem.message == "3 fields are invalid: a, b, c")
    #expect(problem.details == ["a": "is wrong", "b": "is wrong", "c": "is wrong"])
  }
}

struct `A route` {
  private let task = Route(.get, path: "/api/v1/tasks/{id}", rpc: "task.v1.TaskService/GetTask")
  private let userTasks = Route(
    .get,
    path: "/api/v1/users/{user_id}/tasks",
    rpc: "task.v1.TaskService/ListUserTasks"
  )
  private let health = Route(.get, path: "/health/{probe}", rpc: "health.v1.HealthService/Check")

  private func parameters(_ route: Route, _ path: String) -> [String: String]? {
    route.match(path).map { Dictionary(uniqueKeysWithValues: $0.map { ($0.name, $0.value) }) }
  }

  @Test(arguments: ["/api/v1/tasks/7", "/api/tasks/7"])
  func `gives what stands in place of a name, with the version and without`(path: String) {
    #expect(parameters(task, path) == ["id": "7"])
  }

  @Test(arguments: [
    "", "/", "/api", "/api/v1", "/api/v1/tasks", "/api/v1/tasks/", "/api/v1/tasks/7/",
    "/api/v1/tasks/7/8", "/api/v2/tasks/7", "/v1/tasks/7", "/tasks/7", "//api/v1/tasks/7",
    "/api//tasks/7", "/api/v1//tasks/7", "/api/v1/users/7", "/API/v1/tasks/7", "/api/V1/tasks/7",
    "/api/v1/v1/tasks/7", "x/api/v1/tasks/7", "x/api/tasks/7",
  ])
  func `leads nowhere from another path`(path: String) { #expect(parameters(task, path) == nil) }

  @Test func `may have its name in the middle, or no version`() {
    #expect(parameters(userTasks, "/api/v1/users/7/tasks") == ["user_id": "7"])
    #expect(parameters(userTasks, "/api/users/7/tasks") == ["user_id": "7"])
    #expect(parameters(userTasks, "/api/v1/users//tasks") == nil)
    #expect(parameters(health, "/health/live") == ["probe": "live"])
    #expect(parameters(health, "/api/health/live") == nil)
  }
}
