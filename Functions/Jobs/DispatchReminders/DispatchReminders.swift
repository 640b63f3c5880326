import Jobs
import Runtime

/// `dispatch-reminders`, by cron: hands the reminders whose time has come over to the Notification service.
///
/// `--dry-run` prints the reminders that would be handed over, and changes nothing.
@main
struct DispatchReminders {
  private static let usage = """
    dispatch-reminders: hands the reminders of tasks whose time has come to the Notification service

    Usage: dispatch-reminders             one run, as cron starts it
           dispatch-reminders --dry-run   prints what would be handed over (at most 1,000), and changes nothing
    Settings come from the environment: DATABASE_URL, JWT_KEYS_FILE, NOTIFICATION_SERVICE_URL, REMINDER_LEAD_TIMES,
    REMINDER_MAX_AGE_SECONDS; see scripts/SETTINGS.md.
    """

  static func main() {
    Job.run("dispatch-reminders", usage: usage) { job in
      let dispatcher = try ReminderDispatcher(job.resources)
      switch job.arguments {
      case []:
        let report = try dispatcher.run(isOver: { Job.isOver(job.deadline) })
        return (
          [
            "tasks": report.tasks, "handed_over": report.handedOver, "skipped": report.skipped,
            "postponed": report.postponed,
          ],
          report.failure
        )
      case ["--dry-run"]:
        let lines = try dispatcher.preview(limit: 1000)
        for line in lines { print(line) }
        return (["looked_at": lines.count], nil)
      default: throw Settings.Invalid(message: "unknown argument \(job.arguments[0]); try --help")
      }
    }
  }
}
