import API
import Endpoint
import HealthChecks
import PostgreSQL
import Runtime
import Serving
import Testing
import Values

@testable import Health

struct HealthTests {
  let fixture: Fixture

  init() throws { fixture = try Fixture() }

  /// The function with `task_db` at some other place.
  func door(tasksAt url: String) -> Door<Health> {
    Door(
      Health(
        readiness: Readiness(
          databases: DatabaseChecks([
            ("user_db", ["user", "auth"], fixture.userService.database),
            ("task_db", ["task"], Database(url: url)),
          ])
        )
      ),
      fixture.userService
    )
  }

  @Test func `a process that answers is live, whatever its databases do`() throws {
    let answer = try door(tasksAt: "postgresql://nobody@/x?host=/nowhere").rest(
      "GET",
      "/health/live"
    )

    #expect(answer.status == 200)
    #expect(answer.body == #"{"status":"UP","checks":{}}"#)
  }

  @Test func `it is ready when every database answers`() throws {
    let answer = try fixture.health.rest("GET", "/health/ready")

    #expect(answer.status == 200)
    #expect(
      answer.body
        == #"{"status":"UP","checks":{"notification_db":"UP","task_db":"UP","user_db":"UP"}}"#
    )
  }

  @Test(arguments: [
    ("user", "user_db"), ("auth", "user_db"), ("task", "task_db"),
    ("notification", "notification_db"),
  ])
  func `on a service's own port its own database counts`(service: String, database: String) throws {
    let answer = try fixture.health.rest("GET", "/health/ready", headers: ["SERVICE": service])

    #expect(answer.body == #"{"status":"UP","checks":{"\#(database)":"UP"}}"#)
  }

  @Test func `it is not ready without a database, and says which one`() throws {
    let door = door(tasksAt: "postgresql://nobody@/x?host=/nowhere")

    let answer = try door.rest("GET", "/health/ready")
    #expect(answer.status == 503)
    #expect(answer.code == .unavailable)
    #expect(answer.details == ["task_db": "DOWN"])
    #expect(answer.headers["Retry-After"] == "1")
    #expect(!answer.body.contains("nowhere"))
    #expect(try door.rest("GET", "/health/ready", headers: ["SERVICE": "auth"]).status == 200)
    #expect(try door.rest("GET", "/health/ready", headers: ["SERVICE": "task"]).status == 503)
  }

  @Test func `a database that hangs is noticed within a second`() throws {
    let server = SilentServer()
    defer { withExtendedLifetime(server) {} }

    let (answer, seconds) = try timed { try door(tasksAt: server.url).rest("GET", "/health/ready") }
    #expect(answer.details == ["task_db": "DOWN"])
    #expect((0.7...1.7).contains(seconds))
  }

  @Test func `there is nothing else to ask`() throws {
    let answer = try fixture.health.rest("GET", "/health/deeply")

    #expect(answer.status == 404)
    #expect(answer.code == .notFound)
  }

  @Test(arguments: ["live", "ready"])
  func `a service that there is not is refused by name`(probe: String) throws {
    let answer = try fixture.health.rest("GET", "/health/\(probe)?service=billing")

    #expect(answer.code == .invalidArgument)
    #expect(answer.details == ["service": "must be one of user, auth, task, notification"])
    #expect(try fixture.health.rest("GET", "/health/\(probe)?service=task").status == 200)
  }
}
