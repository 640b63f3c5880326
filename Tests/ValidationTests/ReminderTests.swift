import API
import Endpoint
import Testing
import Validation
import Values

struct `Times before the due date` {
  @Test(arguments: [
    ("24h,1h", [1440, 60]), ("1h, 24h ,1h", [1440, 60]), ("0m", [0]), ("28d", [40_320]),
    ("90m,2d", [2880, 90]), ("", []),
  ])
  func `are read, each once, the longest first`(text: String, minutes: [Int]) throws {
    #expect(try LeadTimes(text).minutes == minutes)
  }

  @Test(arguments: [
    "1", "h", "1w", "-1h", "-0m", ",", "1h,", " ", "+1h", "29d", "1h,x", "1.5h",
    "99999999999999999999h", "٣h",
    "1m,2m,3m,4m,5m,6m,7m,8m,9m,10m,11m",
  ])
  func `that are not valid are refused`(text: String) {
    #expect(throws: LeadTimes.Malformed.self) { try LeadTimes(text) }
  }
}

struct `The time until a due date` {
  @Test(arguments: [
    (0, "Due now."), (29, "Due now."), (30, "Due in 1 minute."), (3300, "Due in 55 minutes."),
    (7170, "Due in 2 hours."), (86_400, "Due in 24 hours."), (172_800, "Due in 2 days."),
    (-20, "Due now."), (-1200, "This was due 20 minutes ago."),
    (-10_800, "This was due 3 hours ago."), (-604_800, "This was due 7 days ago."),
  ])
  func `is said as a person would`(seconds: Int64, sentence: String) {
    #expect(Wording.remaining(until: now.adding(seconds: seconds), at: now) == sentence)
  }
}

struct `A reminder` {
  private let request = SendTaskReminderRequest {
    $0.taskID = "0190B6F0-0000-7000-8000-00000000000F"
    $0.userID = ann.userID.text
    $0.title = "Call\r\nBcc: all@example.com"
    $0.dueDate = Timestamp(now)
    $0.leadMinutes = 60
  }

  @Test func `is the same one for the same task, due date and lead time`() throws {
    let draft = try ReminderDraft(request)
    var other = request
    other.title = "Call again"
    #expect(try ReminderDraft(other).notification.key == draft.notification.key)
    other.leadMinutes = 59
    #expect(try ReminderDraft(other).notification.key != draft.notification.key)
    other = request
    other.dueDate = Timestamp(now.adding(seconds: 1))
    #expect(try ReminderDraft(other).notification.key != draft.notification.key)
    #expect(draft.notification.key.utf8.count <= 120)
  }

  @Test func `has a subject of one line, however long and strange the title`() throws {
    #expect(
      try ReminderDraft(request).notification.subject == "Reminder: Call  Bcc: all@example.com"
    )
    var long = request
    long.title = text(255, of: "é")
    #expect(try ReminderDraft(long).notification.subject.unicodeScalars.count == 255)
  }

  @Test func `that is not valid is refused, all fields at once`() throws {
    let bad = SendTaskReminderRequest {
      $0.taskID = "x"
      $0.userID = "y"
      $0.title = text(256)
      $0.leadMinutes = 40_321
      $0.priority = .UNRECOGNIZED(9)
    }
    let found = try violations { _ = try ReminderDraft(bad) }
    #expect(
      Set(found.keys) == ["task_id", "user_id", "title", "due_date", "lead_minutes", "priority"]
    )
  }
}

struct `An e-mail` {
  @Test func `that is not valid is refused, all fields at once`() throws {
    let bad = SendEmailRequest {
      $0.recipient = "ada@example.com\r\nBcc: bob@example.com"
      $0.subject = "Hello\nthere"
      $0.body = text(10_001)
    }
    #expect(
      try violations { _ = try EmailDraft(bad) } == [
        "recipient": "must be one line, without control characters",
        "subject": "must be one line, without control characters",
        "body": "must have at most 10000 characters",
      ]
    )
  }

  @Test func `that is valid is unchanged`() throws {
    let draft = try EmailDraft(
      SendEmailRequest {
        $0.recipient = "ada@example.com"
        $0.subject = "Grüße 👋"
        $0.body = "One\nTwo"
      }
    )
    #expect(draft.subject == "Grüße 👋")
    #expect(draft.body == "One\nTwo")
  }
}
