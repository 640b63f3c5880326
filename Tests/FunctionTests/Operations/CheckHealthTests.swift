import API
import Endpoint
import HealthChecks
import PostgreSQL
import Runtime
import Serving
import Testing

@testable import CheckHealth

struct CheckHealthTests {
  let fixture: Fixture

  init() throws { fixture = try Fixture() }

  func check(_ service: String, port: String? = nil) throws -> RPCAnswer<HealthCheckResponse> {
    var headers: [String: String] = [:]
    headers["SERVICE"] = port
    return try fixture.checkHealth.rpc([.with { $0.service = service }], headers: headers)
  }

  @Test(arguments: [
    "", "user.v1.UserService", "auth.v1.AuthService", "task.v1.TaskService",
    "notification.v1.NotificationService",
  ])
  func `a service whose database answers serves`(service: String) throws {
    #expect(try check(service).messages.map(\.status) == [.serving])
  }

  @Test func `a port knows its own service and no other`() throws {
    #expect(try check("", port: "task").messages.map(\.status) == [.serving])
    #expect(try check("task.v1.TaskService", port: "task").messages.map(\.status) == [.serving])
    #expect(try check("user.v1.UserService", port: "task").status == .notFound)
    #expect(try check("no.such.Service").code == .notFound)
  }

  @Test func `a service without its database does not serve, which is no error`() throws {
    let readiness = Readiness(
      databases: DatabaseChecks([
        ("user_db", ["user", "auth"], fixture.userService.database),
        ("task_db", ["task"], Database(url: "postgresql://nobody@/x?host=/nowhere")),
      ])
    )
    let door = Door(CheckHealth(readiness: readiness), fixture.userService)
    func status(_ service: String) throws -> [HealthCheckResponse.ServingStatus] {
      try door.rpc([.with { $0.service = service }]).messages.map(\.status)
    }
    #expect(try status("task.v1.TaskService") == [.notServing])
    #expect(try status("") == [.notServing])
    #expect(try status("user.v1.UserService") == [.serving])
  }
}
