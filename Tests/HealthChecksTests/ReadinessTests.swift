import HealthChecks
import Testing
import Values

struct `The readiness of the system` {
  private static let pools: [Pool] = [
    ("login", "auth"), ("logout", "auth"), ("get-task", "task"), ("unsubscribe", "user"),
  ]

  private static let now = Instant(microseconds: 0)

  /// The report when the pools give these answers: the state of their keys, or `-` for none.
  private func report(
    _ answers: [String: String],
    for service: String? = nil
  ) throws -> HealthChecks.Readiness.Report {
    let answers = answers.reduce(into: [:]) { answers, answer in
      answers[answer.key] = ProbeAnswer(function: answer.key, keys: .init(rawValue: answer.value))
    }
    let readiness = Readiness(databases: DatabaseChecks([]), pools: Self.pools) { _ in answers }
    return try readiness.report(for: service, at: Self.now)
  }

  private static let well = [
    "login": "UP", "logout": "UP", "get-task": "UP", "unsubscribe": "-",
  ]

  @Test func `is up when every pool answers`() throws {
    let report = try report(Self.well)
    #expect(report.status == .up)
    #expect(report.parts.isEmpty)
  }

  @Test func `names a single pool that does not answer`() throws {
    var answers = Self.well
    answers["login"] = nil
    #expect(try report(answers).status == .degraded)
    #expect(try report(answers).missing == ["login"])
    #expect(try report(answers, for: "auth").status == .degraded)
    #expect(try report(answers, for: "task").status == .up)
  }

  @Test func `is down when no pool of a service answers`() throws {
    var answers = Self.well
    answers["get-task"] = nil
    #expect(try report(answers).status == .down)
    #expect(try report(answers, for: "task").missing == ["get-task"])
    #expect(try report(answers, for: "auth").status == .up)
    #expect(try report([:]).missing == ["get-task", "login", "logout", "unsubscribe"])
  }

  @Test func `is degraded while previous keys are in use, and down without any`() throws {
    var answers = Self.well
    answers["login"] = "STALE"
    #expect(try report(answers).status == .degraded)
    #expect(try report(answers).missing == ["keys"])
    answers["logout"] = "DOWN"
    #expect(try report(answers).status == .down)
    #expect(try report(answers, for: "task").status == .up)
  }
}
