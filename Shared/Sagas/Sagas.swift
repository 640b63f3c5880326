import API
import Endpoint
import Stores
import Validation
import Values

/// All sagas: what follows in other services, step by step, when something has happened in one, and what makes up for a
/// step that turns out to be impossible.
///
/// A step may be done more than once, and each leaves the same then as after the first time. Each service sees only its
/// own events, and reaches the others' data by their methods.
extension Saga {
  private static let secondsOfMinute: Int64 = 60
  private static let secondsOfDay: Int64 = 86_400

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
    // The Notification service keeps how to reach the user.
    Step(.notification) { event, parties in
      guard let user = try parties.user(event.subject) else { return }
      try parties.call(.notification, "SaveContact", SaveContactRequest(user))
    }
  ])

  /// A user is no more, so nothing of theirs is.
  private static let userDeleted = Saga([
    // The tasks first: they would make new reminders.
    Step(.task) { event, parties in try parties.deleteTasks(of: event.subject) },
    // What is to be sent, the browsers, the address; for good.
    Step(.notification) { event, parties in
      let request = ForgetUserRequest.with { $0.userID = event.subject.text }
      let answer = try parties.call(
        .notification,
        "ForgetUser",
        request,
        as: ForgetUserResponse.self
      )
      if answer.more { throw Unfinished() }
    },
    // A request that had just been let through may have made a task since.
    Step(.task, afterSeconds: secondsOfMinute) { event, parties in
      try parties.deleteTasks(of: event.subject)
    },
    // While the Auth service is down, an access token opens the door for as long as it lives.
    Step(.task, afterSeconds: secondsOfDay) { event, parties in
      try parties.deleteTasks(of: event.subject)
    },
  ])

  // MARK: - The Task service's

  /// Somebody was given a task by somebody else. Whether that user exists may not have been known then.
  private static let taskAssigned = Saga([
    // The new owner is told.
    Step(.notification) { event, parties in
      guard let user = event.userID, let task = try parties.task(event.subject),
        task.userID == user.text, task.status.isOpen
      else { return }
      let subject = "New task: \(task.title)"
      let sentence = "A task has been assigned to you."
      try parties.tell(user, about: event, task, subject: subject, sentence)
    } insteadWhenNotFound: { event, parties in
      // The compensation: it is cancelled, for nobody would ever do it.
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
    // Who has assigned it is told.
    Step(.notification) { event, parties in
      guard let assigner = event.actorID, let task = try parties.task(event.subject) else { return }
      let subject = "Task cancelled: \(task.title)"
      let sentence =
        "A task that you have assigned was cancelled: the user whom you gave it to does not exist."
      try parties.tell(assigner, about: event, task, subject: subject, sentence)
    } insteadWhenNotFound: { _, _ in
      // A service, or somebody who is gone too: there is nobody to tell.
    }
  ])
}
