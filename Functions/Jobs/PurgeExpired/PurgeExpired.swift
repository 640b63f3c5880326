import Glibc
import Jobs
import Runtime

/// `purge-expired`, by cron, for each service: removes rows that have expired and that nobody asks for any more, a few at
/// a time.
@main
struct PurgeExpired {
  private static let usage = """
    purge-expired: removes what has expired from a service's database

    Usage: purge-expired
    Settings come from the environment: DATABASE_URL, SERVICE (user, auth, task or notification), EVENT_KEEP_DAYS,
    NOTIFICATION_KEEP_DAYS, REMINDER_KEEP_DAYS; see scripts/SETTINGS.md.
    """

  static func main() {
    Job.run("purge-expired", usage: usage, claims: false) { job in
      guard job.arguments.isEmpty else {
        throw Settings.Invalid(message: "unknown argument \(job.arguments[0]); try --help")
      }
      let purge = try Purge(job.resources)
      // For a person who waits; cron would mail it.
      let isWatched = isatty(STDERR_FILENO) == 1
      let counts = try purge.run(isOver: { Job.isOver(job.deadline) }) { kind, count in
        if isWatched { StandardStreams.complain("\(count) \(kind) removed so far") }
      }
      return (counts, nil)
    }
  }
}
