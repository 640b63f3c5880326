public import PostgreSQL
import Values

/// Whether the databases answer, for the functions that look after all of them.
public struct Readiness {
  /// A database, and the services that cannot work without it.
  public typealias Dependency = (name: String, services: [String], database: Database)

  /// How long one look may take altogether, in milliseconds.
  private static let patienceMilliseconds = 800

  private let dependencies: [Dependency]

  /// The databases to look at.
  public init(_ dependencies: [Dependency]) { self.dependencies = dependencies }

  /// The state of each database that a service needs, by its name; of all of them for `nil`. What is `nil`
  /// is up; else it says what it does.
  public func states(of service: String?) throws -> [String: String?] {
    var states: [String: String?] = [:]
    let deadline = Deadline(millisecondsFromNow: Self.patienceMilliseconds)
    for (name, services, database) in dependencies
    where service.map(services.contains) ?? true {
      database.deadline = deadline
      do {
        _ = try database.read(Query("SELECT 1")) { try $0.integer(0) }
        states[name] = .some(nil)
      } catch let error as DatabaseError {
        states[name] =
          if case .deadlineExceeded = error { "does not answer" } else { "cannot be reached" }
      }
    }
    return states
  }
}
