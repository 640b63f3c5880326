import API
import Endpoint
import Jobs
import Rules
import ServiceClient
import Serving
import Stores
import Values

/// `dispatch-reminders`, by cron: hands the reminders whose time has come to the Notification service.
///
/// `--dry-run` prints what would be handed over, and changes nothing.
@main
struct DispatchReminders {
  private static let usage = """
    dispatch-reminders: hands the reminders of tasks whose time has come to the Notification service

    Usage: dispatch-reminders             one run, as cron starts it
           dispatch-reminders --dry-run   prints what would be handed over (at most 1,000), and changes nothing
    Settings come from the environment: DATABASE_URL, JWT_KEYS_FILE, NOTIFICATION_SERVICE_URL, REMINDER_LEAD_TIMES,
    REMINDER_MAX_AGE_SECONDS; see the README.
    """

  static func main() {
    Job.run("dispatch-reminders", usage: usage) { job in
      let resources = job.resources
      let maximumAge = try resources.settings.integer(
        "REMINDER_MAX_AGE_SECONDS",
        default: 21_600,
        in: 60...2_592_000
      )
      if job.arguments == ["--dry-run"] { return try preview(resources, maximumAge) }
      guard job.arguments.isEmpty else {
        throw Settings.Invalid(message: "unknown argument \(job.arguments[0]); try --help")
      }
      let access = try resources.access(to: "notification")
      guard let client = ServiceClient(access) else {
        throw Settings.Invalid(message: "NOTIFICATION_SERVICE_URL is not set")
      }
      let dispatcher = ReminderDispatcher(
        reminders: resources.reminders,
        leads: resources.leads,
        maximumAgeSeconds: maximumAge,
        holdSeconds: try resources.settings.holdSeconds,
        clock: { resources.now }
      ) { request, context in
        let _: NotificationMessage = try client.call(
          "notification.v1.NotificationService/SendTaskReminder",
          request,
          in: context,
          withinMilliseconds: 2000,
          isRepeatable: true
        )
      }
      let report = try dispatcher.run(isOver: { Job.isOver(job.deadline) }) { job.allowDatabase() }
      return (
        [
          "tasks": report.tasks, "handed_over": report.handedOver, "skipped": report.skipped,
          "postponed": report.postponed,
        ],
        report.failure
      )
    }
  }

  private static func preview(_ resources: Resources, _ maximumAge: Int) throws -> (
    Job.Counts, String?
  ) {
    let found = try resources.reminders.preview(
      resources.leads,
      at: resources.now,
      maximumAgeSeconds: maximumAge,
      limit: 1000
    )
    for reminder in found {
      let request = reminder.request
      let fate = reminder.obstacle.map { "skipped: \($0)" } ?? "to be sent"
      let dueDate = request.dueDate.instant.rfc3339
      print("\(request.taskID) due \(dueDate), \(request.leadMinutes) minutes before: \(fate)")
    }
    return (["would_hand_over": found.count { $0.obstacle == nil }], nil)
  }
}
