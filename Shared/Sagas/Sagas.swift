import API
import Endpoint
import Stores
import Validation
import Values

/// All sagas: what follows in other services, step by step, when something has happened in one, and the compensation for
/// a step that turns out to be impossible.
///
/// A step may be carried out more than once, so each is idempotent. Each service sees only its own events, and reaches the
/// others' data by their methods.
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

  /// A user signed up, or changed something that others keep a copy of, so that reminders go out while the User service
  /// is down.
  private static let userSaved = Saga([
    // The Notification service keeps how to reach the user.
    Step(.notification) { event, parties in
      guard let user = try parties.user(event.subject) else { return }
      try parties.call(.notification, "SaveContact", SaveContactRequest(user))
    }
  ])

  /// A user was deleted, and with the user everything that was theirs.
  private static let userDeleted = Saga([
    // The tasks come first, because they would make new reminders.
    Step(.task) { event, parties in try parties.deleteTasks(of: event.subject) },
    // Pending notifications, browsers and the address, for good.
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
    // A request that had been admitted a moment before may have created a task since.
    Step(.task, afterSeconds: secondsOfMinute) { event, parties in
      try parties.deleteTasks(of: event.subject)
    },
    // While the Auth service is down, an access token is accepted until it expires.
    Step(.task, afterSeconds: secondsOfDay) { event, parties in
      try parties.deleteTasks(of: event.subject)
    },
  ])

  // MARK: - The Task service's

  /// A task was assigned to a user by somebody else. Whether that user exists may not have been known then.
  private static let taskAssigned = Saga([
    // Notify the new owner.
    Step(.notification) { event, parties in
      guard let user = event.userID, let task = try parties.task(event.subject),
        task.userID == user.text, task.status.isOpen
      else { return }
      try parties.notify(user, of: event, task, Wording.assigned(task))
    } insteadWhenNotFound: { event, parties in
      // Cancel the task, for nobody would ever do it.
      guard let user = event.userID, let assigner = event.actorID else { return }
      try parties.tasks.cancelAssignment(
        of: event.subject,
        to: user,
        by: assigner,
        at: parties.context.now
      )
    }
  ])

  /// A task was cancelled, because the user whom it was assigned to does not exist.
  private static let assignmentFailed = Saga([
    // Notify whoever assigned it.
    Step(.notification) { event, parties in
      guard let assigner = event.actorID, let task = try parties.task(event.subject) else { return }
      try parties.notify(assigner, of: event, task, Wording.cancelled(task))
    } insteadWhenNotFound: { _, _ in
      // It was a service, or a user who has been deleted since: there is nobody to notify.
    }
  ])
}
