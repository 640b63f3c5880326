public import PostgreSQL
import Values

/// A check whether the databases answer, for the functions that watch over all of them.
public struct Readiness {
  /// A database, and the services that cannot work without it.
  public typealias Dependency = (name: String, services: [String], database: Database)

  /// The time that one check may take altogether, in milliseconds.
  private static let patienceMilliseconds = 800

  private static let ping = Statement("SELECT 1")

  private let dependencies: [Dependency]

  /// The databases to check.
  public init(_ dependencies: [Dependency]) { self.dependencies = dependencies }

  /// The state of each database that a service needs, by its name; of all of them for `nil`. A state of `nil` means
  /// that the database is up; otherwise it tells what is wrong.
  public func states(of service: String?) throws -> [String: String?] {
    var states: [String: String?] = [:]
    let deadline = Deadline(millisecondsFromNow: Self.patienceMilliseconds)
    for (name, services, database) in dependencies
    where service.map(services.contains) ?? true {
      do {
        _ = try database.by(deadline).one(Query(Self.ping)) { try $0.integer(0) }
        states[name] = .some(nil)
      } catch let error as DatabaseError {
        states[name] =
          if case .deadlineExceeded = error { "does not answer" } else { "cannot be reached" }
      }
    }
    return states
  }
}
