public import PostgreSQL
import Values

/// Checks whether databases answer.
public struct DatabaseChecks {
  /// A database, and the services that cannot work without it.
  public typealias Dependency = (name: String, services: [String], database: Database)

  /// The time that the checks may take altogether, in milliseconds.
  private static let patienceMilliseconds = 800

  private static let ping = Statement("SELECT 1")

  private let dependencies: [Dependency]

  /// Checks of these databases.
  public init(_ dependencies: [Dependency]) { self.dependencies = dependencies }

  /// Tells of each database that a service needs (of all of them for `nil`), by its name, whether it answers.
  ///
  /// - Throws: errors that are not the database's.
  public func results(for service: String?) throws -> [String: Bool] {
    var results: [String: Bool] = [:]
    let deadline = Deadline(millisecondsFromNow: Self.patienceMilliseconds)
    for (name, services, database) in dependencies
    where service.map(services.contains) ?? true {
      do {
        _ = try database.by(deadline).one(Query(Self.ping)) { try $0.integer(0) }
        results[name] = true
      } catch is DatabaseError {
        results[name] = false
      }
    }
    return results
  }
}
