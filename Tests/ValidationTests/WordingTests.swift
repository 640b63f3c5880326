import API
import Endpoint
import Testing
import Values

@testable import Validation

/// The exact texts, repeated here so that they are only changed on purpose.
struct `The texts of notifications` {
  private let task = TaskMessage {
    $0.title = "Paint\r\nthe wall"
    $0.priority = .high
  }
  private let localTime = "Friday, 1 January 2027, 01:45 UTC+5:45 (Asia/Kathmandu)"

  private func notification(_ change: (inout NotifyUserRequest) -> Void = { _ in }) throws
    -> NotificationDraft
  {
    var request = NotifyUserRequest {
      $0.userID = ann.userID.text
      $0.key = "k"
      $0.subject = "Hello"
      $0.body = "World"
    }
    change(&request)
    return try NotificationDraft(request)
  }

  @Test func `of a reminder`() throws {
    let draft = try ReminderDraft(
      SendTaskReminderRequest {
        $0.taskID = ann.userID.text
        $0.userID = ann.userID.text
        $0.title = "Paint"
        $0.dueDate = Timestamp(now)
        $0.leadMinutes = 60
        $0.priority = .urgent
      }
    )
    let notification = draft.notification
    #expect(notification.subject == "Reminder: Paint")
    #expect(
      notification.body(localTime: localTime)
        == "Task: Paint\nDue: Friday, 1 January 2027, 01:45 UTC+5:45 (Asia/Kathmandu)\nPriority: URGENT"
    )
    #expect(notification.countsDown && notification.dueDate == now)
    #expect(
      Wording.countdown(to: now, at: now.adding(seconds: 7200), before: "Task: Paint")
        == "This was due 2 hours ago.\n\nTask: Paint"
    )
  }

  @Test func `in the words of another service`() throws {
    let draft = try notification()
    #expect(draft.subject == "Hello" && !draft.countsDown)
    #expect(draft.body(localTime: localTime) == "World")
    let dated = try notification { $0.dueDate = Timestamp(now) }
    #expect(
      dated.body(localTime: localTime)
        == "World\nDue: Friday, 1 January 2027, 01:45 UTC+5:45 (Asia/Kathmandu)"
    )
    #expect(!dated.countsDown)
  }

  @Test func `of a task that was assigned`() {
    let text = Wording.assigned(task)
    #expect(text.subject == "New task: Paint  the wall")
    #expect(
      text.body
        == "A task has been assigned to you.\n\nTask: Paint\r\nthe wall\nPriority: HIGH"
    )
  }

  @Test func `of a task that was cancelled`() {
    let text = Wording.cancelled(task)
    #expect(text.subject == "Task cancelled: Paint  the wall")
    #expect(
      text.body == """
        A task that you have assigned was cancelled: the user whom you gave it to does not exist.

        Task: Paint\r\nthe wall
        Priority: HIGH
        """
    )
  }

  @Test func `has a subject of one line, however long the title`() {
    let long = TaskMessage { $0.title = text(255, of: "é") }
    #expect(Wording.assigned(long).subject.unicodeScalars.count == 255)
  }
}
