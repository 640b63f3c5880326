import Migrations
import PostgreSQL
import Runtime

/// `migrate DIRECTORY`: brings the database at `DATABASE_URL` to the newest migration of a folder.
@main
struct Migrate {
  static func main() {
    do {
      let arguments = CommandLine.arguments
      guard arguments.count == 2, !arguments[1].hasPrefix("-") else {
        print("Usage: DATABASE_URL=… migrate DIRECTORY")
        return
      }
      let database = Database(
        url: try Settings.ofProcess.required(.databaseURL),
        options: .init(applicationName: "migrate", statementTimeoutMilliseconds: 600_000)
      )
      let count = try Migrator(database: database, report: say).migrate(directory: arguments[1])
      say(count == 0 ? "up to date" : "\(count) applied")
    } catch let failure as Migrator.Failure {
      Diagnostics.fail("migrate", Settings.Invalid(message: failure.message))
    } catch {
      Diagnostics.fail("migrate", error)
    }
  }

  /// Writes a line at once, also into a pipe: a migration may take hours.
  private static func say(_ line: String) { StandardStreams.write(Array((line + "\n").utf8)) }
}
