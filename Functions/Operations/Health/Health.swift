import API
import Endpoint
import PostgreSQL
import Serving
import Values

/// `GET /health/live` and `GET /health/ready`: whether the system can answer.
///
/// Live: this process does. Ready: so do the databases, of one service or of all; if not, `UNAVAILABLE`
/// with what is down in its details.
@main
struct Health: Function {
  static let route = Route(.get, path: "/health/{probe}", rpc: "health.v1.HealthService/Check")
  static let access = Access.anyone

  /// Each database with the services that need it.
  let databases: [(name: String, services: [String], database: Database)]

  func respond(to request: CheckRequest, in context: Context) throws -> CheckResponse {
    var response = CheckResponse()
    response.status = "UP"
    guard request.probe != "live" else { return response }
    guard request.probe == "ready" else {
      throw Problem(.notFound, "there is nothing at this path")
    }
    var down: [String: String] = [:]
    let deadline = Deadline(millisecondsFromNow: 800)
    for (name, services, database) in databases
    where request.service.isEmpty || services.contains(request.service) {
      database.deadline = deadline
      do {
        _ = try database.read(Query("SELECT 1")) { try $0.integer(0) }
        response.checks[name] = "UP"
      } catch let error as DatabaseError {
        down[name] =
          if case .deadlineExceeded = error { "does not answer" } else { "cannot be reached" }
      }
    }
    guard down.isEmpty else {
      throw Problem(
        .unavailable,
        "not ready: \(down.keys.sorted().joined(separator: ", ")) down",
        details: down
      )
    }
    return response
  }

  static func main() {
    Serving.run(needsDatabase: false) { resources in
      Health(databases: [
        ("user_db", ["user", "auth"], try resources.database(of: "DATABASE_URL_USER")),
        ("task_db", ["task"], try resources.database(of: "DATABASE_URL_TASK")),
      ])
    }
  }
}
