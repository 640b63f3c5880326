import API
import Endpoint
import Runtime
import Serving
import Stores

/// `GET /health/live` and `GET /health/ready`: tells whether the system can answer.
///
/// Live: this process answers. Ready: the databases answer too, those of one service or of all; if not, `UNAVAILABLE`
/// with those that are down in its details. `check-health` answers the same question by gRPC.
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
    let states = try readiness.states(of: context.service ?? asked)
    let down = states.compactMapValues { $0 }
    guard down.isEmpty else {
      throw Problem(
        .unavailable,
        "not ready: \(down.keys.sorted().joined(separator: ", ")) down",
        details: down
      )
    }
    response.checks = states.mapValues { _ in "UP" }
    return response
  }

  static func main() {
    Serving.run(needsDatabase: false) { Health(readiness: try $0.readiness) }
  }
}
