import Glibc
import Jobs
import Notifications
import Queue
import Runtime
import Stores
import Values

/// `deliver-notifications`, by cron: sends notifications that are due, until the next run begins.
///
/// `--drain` ends as soon as nothing is due; `--revive` has discarded ones tried again.
@main
struct DeliverNotifications {
  private static let usage = """
    deliver-notifications: sends notifications that are due, again and again until they have arrived

    Usage: deliver-notifications mail         sends mail for 58 seconds, as cron starts it
           deliver-notifications push         the same for push messages; without either: both
           deliver-notifications --drain      sends what is due now
           deliver-notifications --revive ID  has one that was given up tried again; `all` for ID: all but the too old
    Settings come from the environment: DATABASE_URL, SMTP_URL, VAPID_KEY_FILE, DELIVERY_WORKERS and others; see scripts/SETTINGS.md.
    """

  static func main() {
    let parts = ["mail", "push"]
    Job.run("deliver-notifications", usage: usage, waitSeconds: 30, parts: parts) { job in
      switch job.arguments {
      case []: return try deliver(both, job, drains: false)
      case ["mail"]: return try deliver([NotificationOutbox.mail], job, drains: false)
      case ["push"]: return try deliver([NotificationOutbox.push], job, drains: false)
      case ["--drain"]: return try deliver(both, job, drains: true)
      case let arguments where arguments.count == 2 && arguments[0] == "--revive":
        return try retryDiscarded(arguments[1], job)
      default: throw Settings.Invalid(message: "unknown argument \(job.arguments[0]); try --help")
      }
    }
  }

  private typealias Channel = @Sendable (Resources) throws -> NotificationOutbox

  private static var both: [Channel] { [NotificationOutbox.mail, NotificationOutbox.push] }

  /// Each channel has threads of its own, so that neither waits for the other nor needs its settings; each thread has its
  /// own connections to the database and to the servers.
  private static func deliver(_ channels: [Channel], _ job: Job, drains: Bool) throws
    -> (Job.Counts, String?)
  {
    if channels.count == 1 { _ = try channels[0](job.resources) }
    let count = try job.resources.settings[.deliveryWorkers]
    let deadline = job.deadline
    let reports = Threads.run(channels.count * count) { number in
      do {
        let resources = try Job.resources("deliver-notifications")
        return try channels[number / count](resources)
          .deliver(drains: drains, isOver: { Job.isOver(deadline) }, sleep: { usleep($0) })
      } catch {
        var report = QueueReport()
        report.failure = Diagnostics.reason(of: error)
        return report
      }
    }
    let report = reports.reduce(QueueReport(), +)
    return (
      ["sent": report.completed, "postponed": report.postponed, "dead": report.discarded],
      report.failure
    )
  }

  private static func retryDiscarded(_ which: String, _ job: Job) throws -> (Job.Counts, String?) {
    let id = ID(which)
    guard id != nil || which == "all" else {
      throw Settings.Invalid(message: "--revive needs the id of a notification, or all")
    }
    let count = try NotificationOutbox.mail(job.resources).retryDiscarded(id)
    print(
      count == 1
        ? "1 notification will be tried again" : "\(count) notifications will be tried again"
    )
    return (["revived": count], nil)
  }
}
