import API
import Endpoint
import Rules
import Stores
import Values

/// All sagas: what follows in other services, step by step, when something has happened in one, and what makes up for a
/// step that turns out to be impossible.
///
/// A step may be done more than once, and each leaves the same then as after the first time. Each service sees only its
/// own events, and reaches the others' data by their methods.
extension Saga {
  static func after(_ event: EventStore.Kind) -> Saga {
    switch event {
    case .userSaved: userSaved
    case .userDeleted: userDeleted
    case .taskAssigned: taskAssigned
    case .assignmentFailed: assignmentFailed
    }
  }

  // MARK: - The User service's

  /// Somebody signed up, or changed what others keep: so reminders go out while the User service is down.
  private static let userSaved = Saga([
    Step("the Notification service keeps how to reach the user") { event, parties in
      guard let user = try parties.user(event.subject) else { return }
      try parties.call(.notification, "SaveContact", SaveContactRequest(user))
    }
  ])

  /// A user is no more, so nothing of theirs is. The tasks first: they would make new reminders.
  private static let userDeleted = Saga([
    Step("the Task service removes their tasks") { event, parties in
      let request = DeleteUserTasksRequest.with { $0.userID = event.subject }
      try parties.call(.task, "DeleteUserTasks", request)
    },
    Step("the Notification service drops what is to be sent, the browsers, and the address") {
      event, parties in
      let request = ForgetUserRequest.with { $0.userID = event.subject }
      try parties.call(.notification, "ForgetUser", request)
    },
  ])

  // MARK: - The Task service's

  /// Somebody was given a task by somebody else. Whether that user exists may not have been known then.
  private static let taskAssigned = Saga([
    Step("the new owner is told") { event, parties in
      guard let user = event.userID, let task = try parties.task(event.subject),
        task.userID == user, task.status.isOpen
      else { return }
      let request = parties.notice(
        about: event,
        to: user,
        subject: "New task: \(task.title)",
        body: "A task has been assigned to you.\n\nTask: \(task.title)\nPriority: \(task.priority.name)",
        dueDate: task.hasDueDate ? task.dueDate : nil
      )
      try parties.call(.notification, "NotifyUser", request)
    } insteadWhenNotFound: { event, parties in
      // The compensation: nobody would ever do it.
      guard let user = event.userID, let assigner = event.actorID else { return }
      try parties.tasks.cancelAssignment(
        of: event.subject,
        to: user,
        by: assigner,
        at: parties.context.now
      )
    }
  ])

  /// A task was cancelled, because the user whom it was given to does not exist.
  private static let assignmentFailed = Saga([
    Step("who has assigned it is told") { event, parties in
      guard let assigner = event.actorID, let task = try parties.task(event.subject) else { return }
      let request = parties.notice(
        about: event,
        to: assigner,
        subject: "Task cancelled: \(task.title)",
        body: """
          A task that you have assigned was cancelled, because the user whom you gave it to does not exist.

          Task: \(task.title)
          Priority: \(task.priority.name)
          """,
        dueDate: task.hasDueDate ? task.dueDate : nil
      )
      try parties.call(.notification, "NotifyUser", request)
    } insteadWhenNotFound: { _, _ in
      // A service, or somebody who is gone too: there is nobody to tell.
    }
  ])
}
