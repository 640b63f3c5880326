import API
import Endpoint
import HealthChecks
import Runtime
import Serving

/// `GET /health/live` and `GET /health/ready`: tells whether the system can answer.
///
/// Live: this process answers. Ready: the databases, the keys and the pools answer too, those of one service or of all.
/// If single pools do not, the status is `DEGRADED`; if the system or a service cannot serve, the answer is
/// `UNAVAILABLE`. Both name the parts that are missing. `check-health` answers the same question by gRPC.
@main
struct Health: Function {
  static let contract = FunctionContract.health

  let readiness: Readiness

  func respond(to request: ProbeRequest, in context: Context) throws -> ProbeResponse {
    var violations = Violations()
    if request.hasService, !Bounds.ProbeRequest.serviceValues.contains(request.service) {
      violations.add(
        "service",
        "must be one of \(Bounds.ProbeRequest.serviceValues.joined(separator: ", "))"
      )
    }
    try violations.check()
    var response = ProbeResponse()
    response.status = "UP"
    guard request.probe != "live" else { return response }
    guard request.probe == "ready" else {
      throw Problem(.notFound)
    }
    let asked = request.hasService ? request.service : nil
    let report = try readiness.report(for: context.service ?? asked, at: context.now)
    guard report.status != .down else {
      throw Problem(
        .unavailable,
        "not ready: \(report.missing.joined(separator: ", ")) down",
        details: Dictionary(uniqueKeysWithValues: report.missing.map { ($0, "DOWN") })
      )
    }
    response.status = report.status.rawValue
    response.checks = report.parts.mapValues { $0 ? "UP" : "DOWN" }
    return response
  }

  static func main() {
    Serving.run(needsDatabase: false) {
      Health(readiness: try $0.readiness(withoutProbing: ["health"]))
    }
  }
}
