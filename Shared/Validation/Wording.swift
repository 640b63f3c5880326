public import API
public import Values

/// All texts that the system itself writes to users: subjects and bodies of reminders and notifications.
///
/// Subjects are one line, however long or strange the users' own text in them is.
public enum Wording {
  /// A message to a user.
  public struct Text: Equatable, Sendable {
    /// 1 to 255 characters in one line.
    public let subject: String
    /// Plain text.
    public let body: String

    init(subject: String, body: String) {
      self.subject = Wording.line(subject)
      self.body = body
    }
  }

  // MARK: Reminders

  /// The subject of a reminder of a task.
  static func reminderSubject(title: String) -> String { line("Reminder: \(title)") }

  /// The body of a reminder of a task. `localTime` is its due date in the user's time zone.
  static func reminderBody(
    title: String,
    priority: TaskPriority,
    dueAt localTime: String
  ) -> String {
    "Task: \(title)\n\(due(localTime))\nPriority: \(priority.name)"
  }

  /// The body of a reminder as it is sent. It begins with how far away the due date is by then, however late that is.
  public static func countdown(to dueDate: Instant, at now: Instant, before body: String) -> String
  {
    remaining(until: dueDate, at: now) + "\n\n" + body
  }

  /// The distance of a due date, such as `Due in 55 minutes.` or `This was due 2 hours ago.`
  public static func remaining(until dueDate: Instant, at now: Instant) -> String {
    let seconds = dueDate.seconds - now.seconds
    let minutes = (abs(seconds) + 30) / 60
    if minutes == 0 { return "Due now." }
    let span =
      switch minutes {
      case ..<120: "\(minutes) minute\(minutes == 1 ? "" : "s")"
      case ..<2880: "\((minutes + 30) / 60) hours"
      default: "\((minutes + 720) / 1440) days"
      }
    return seconds > 0 ? "Due in \(span)." : "This was due \(span) ago."
  }

  // MARK: What happened to a task

  /// The message to the new owner of a task that somebody else has assigned.
  public static func assigned(_ task: TaskMessage) -> Text {
    about(task, "New task: \(task.title)", "A task has been assigned to you.")
  }

  /// The message to whoever assigned a task to a user who does not exist.
  public static func cancelled(_ task: TaskMessage) -> Text {
    about(
      task,
      "Task cancelled: \(task.title)",
      "A task that you have assigned was cancelled: the user whom you gave it to does not exist."
    )
  }

  private static func about(_ task: TaskMessage, _ subject: String, _ sentence: String) -> Text {
    Text(
      subject: subject,
      body: "\(sentence)\n\nTask: \(task.title)\nPriority: \(task.priority.name)"
    )
  }

  // MARK: Parts

  /// The line of a body that tells a due date.
  static func due(_ localTime: String) -> String { "Due: \(localTime)" }

  /// A subject that contains text of users: one line of at most 255 characters.
  fileprivate static func line(_ text: String) -> String {
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(Bounds.Notification.subject.upperBound) {
      line.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
    }
    return String(line)
  }
}
