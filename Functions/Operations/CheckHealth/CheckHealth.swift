import API
import Endpoint
import HealthChecks
import Runtime
import Serving

/// gRPC `grpc.health.v1.Health/Check`: tells whether a service can answer, in the form that gRPC clients and load
/// balancers expect. `health` answers the same question by REST.
///
/// The empty name stands for all services at the port that received the call. `NOT_FOUND` for a service that is not at
/// this port.
@main
struct CheckHealth: Function {
  static let contract = FunctionContract.checkHealth

  /// The services, by their gRPC names.
  private static let services = [
    "user.v1.UserService": "user", "auth.v1.AuthService": "auth", "task.v1.TaskService": "task",
    "notification.v1.NotificationService": "notification",
  ]

  let readiness: Readiness

  func respond(to request: HealthCheckRequest, in context: Context) throws -> HealthCheckResponse {
    var asked = context.service
    if !request.service.isEmpty {
      guard let service = Self.services[request.service],
        context.service == nil || context.service == service
      else { throw Problem(.notFound, "there is no such service on this port") }
      asked = service
    }
    let report = try readiness.report(for: asked, at: context.now)
    return .with { $0.status = report.status == .down ? .notServing : .serving }
  }

  static func main() {
    Serving.run(needsDatabase: false) {
      // `health` probes this pool, so neither may wait for the other.
      CheckHealth(readiness: try $0.readiness(withoutProbing: ["health", "check-health"]))
    }
  }
}
