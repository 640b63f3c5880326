import Glibc
import Jobs
import Queue
import Runtime
import Sagas

/// `relay-events`, by cron, for the User and for the Task service: carries out the sagas that follow from their events,
/// until the next run begins.
///
/// `--drain` ends as soon as nothing is due; `--revive` has discarded events tried again.
@main
struct RelayEvents {
  private static let usage = """
    relay-events: tells other services what has happened, and has them do what follows (sagas)

    Usage: relay-events                  relays for 58 seconds, as cron starts it
           relay-events --drain          relays what is due now
           relay-events --revive NUMBER  has one that was given up tried again; `all` for NUMBER: all of them
    Settings come from the environment: DATABASE_URL, JWT_KEYS_FILE, TASK_SERVICE_URL, NOTIFICATION_SERVICE_URL,
    EVENT_MAX_AGE_SECONDS; see scripts/SETTINGS.md.
    """

  static func main() {
    Job.run("relay-events", usage: usage, waitSeconds: 30) { job in
      let relay = try EventRelay(job.resources)
      switch job.arguments {
      case []: return run(relay, job, drains: false)
      case ["--drain"]: return run(relay, job, drains: true)
      case let arguments where arguments.count == 2 && arguments[0] == "--revive":
        return try retryDiscarded(arguments[1], relay)
      default: throw Settings.Invalid(message: "unknown argument \(job.arguments[0]); try --help")
      }
    }
  }

  private static func run(_ relay: EventRelay, _ job: Job, drains: Bool) -> (Job.Counts, String?) {
    let report = relay.run(
      drains: drains,
      isOver: { Job.isOver(job.deadline) },
      sleep: { usleep($0) }
    )
    return (
      ["relayed": report.completed, "postponed": report.postponed, "dead": report.discarded],
      report.failure
    )
  }

  private static func retryDiscarded(_ which: String, _ relay: EventRelay) throws -> (
    Job.Counts, String?
  ) {
    let number = Int64(which)
    guard number != nil || which == "all" else {
      throw Settings.Invalid(message: "--revive needs the number of an event, or all")
    }
    let count = try relay.retryDiscarded(number)
    print(count == 1 ? "1 event will be relayed again" : "\(count) events will be relayed again")
    return (["revived": count], nil)
  }
}
