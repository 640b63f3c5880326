import Endpoint
public import Runtime
public import Values

/// Tells whether the system, or one service of it, can serve.
public struct Readiness {
  /// The verdict.
  public enum Status: String, Sendable {
    /// Everything answers.
    case up = "UP"
    /// Some parts do not answer; the others serve.
    case degraded = "DEGRADED"
    /// The databases, the keys or all pools of a service are away.
    case down = "DOWN"
  }

  /// The verdict, and the parts that it is made from.
  public struct Report: Equatable, Sendable {
    /// The verdict.
    public let status: Status
    /// Whether each database answers, and everything else that does not.
    public let parts: [String: Bool]
    /// The names of the parts that do not answer, in alphabetical order.
    public var missing: [String] { parts.filter { !$0.value }.keys.sorted() }
  }

  private let databases: DatabaseChecks
  private let pools: [Pool]
  private let answers: ((_ now: Instant) -> [String: ProbeAnswer])?

  /// Readiness by these checks. Without `answers`, pools are not probed.
  public init(
    databases: DatabaseChecks,
    pools: [Pool] = [],
    answers: ((_ now: Instant) -> [String: ProbeAnswer])? = nil
  ) {
    self.databases = databases
    self.pools = pools
    self.answers = answers
  }

  /// Checks everything that a service needs, or everything for `nil`.
  ///
  /// - Throws: errors that are not the database's.
  public func report(for service: String?, at now: Instant) throws -> Report {
    var parts = try databases.results(for: service)
    var isDown = parts.values.contains(false)
    var isDegraded = false
    if let answers = answers?(now) {
      let asked = pools.filter { service == nil || $0.service == service }
      for (service, pools) in Dictionary(grouping: asked, by: \.service) {
        let silent = pools.map(\.name).filter { answers[$0] == nil }
        for name in silent { parts[name] = false }
        isDegraded = isDegraded || !silent.isEmpty
        // The system serves without health checks and reflection.
        isDown = isDown || service != "health" && silent.count == pools.count
      }
      let keys = asked.compactMap { answers[$0.name]?.keys }
      if keys.contains(where: { $0 != .up }) { parts["keys"] = false }
      isDegraded = isDegraded || keys.contains(.stale)
      isDown = isDown || keys.contains(.down)
    }
    return Report(status: isDown ? .down : isDegraded ? .degraded : .up, parts: parts)
  }
}

extension Resources {
  /// The readiness of the whole system. The pools of `askers`, which ask each other, are not probed.
  ///
  /// - Throws: `Settings.Invalid`.
  public func readiness(withoutProbing askers: [String]) throws -> Readiness {
    let databases = DatabaseChecks([
      ("user_db", ["user", "auth"], try healthDatabase(.userDatabaseHealthURL)),
      ("task_db", ["task"], try healthDatabase(.taskDatabaseHealthURL)),
      ("notification_db", ["notification"], try healthDatabase(.notificationDatabaseHealthURL)),
    ])
    guard let socket = try settings[.probeSocket] else { return Readiness(databases: databases) }
    let pools = FunctionContract.pools.filter { !askers.contains($0.name) }
    let probes = PoolProbes(of: pools, through: socket)
    return Readiness(databases: databases, pools: pools, answers: probes.answers)
  }
}
