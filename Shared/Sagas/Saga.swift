import API
import Endpoint
import Rules
import ServiceClient
import Serving
import Stores
import Values

/// What is to be done after an event, one step after the other.
struct Saga: Sendable {
  typealias Action = @Sendable (_ event: EventStore.Event, _ parties: Parties) throws -> Void

  /// One thing to be done, by one service.
  struct Step: Sendable {
    /// A sentence, for the log.
    let name: String
    private let action: Action
    private let compensation: Action?

    init(_ name: String, _ action: @escaping Action, insteadWhenNotFound: Action? = nil) {
      self.name = name
      self.action = action
      compensation = insteadWhenNotFound
    }

    /// Does it; or what makes up for it when there is no such thing as it needs.
    ///
    /// - Throws: `CallFailure`; `DatabaseError`; `Settings.Invalid`.
    func run(_ event: EventStore.Event, _ parties: Parties) throws {
      do {
        try action(event, parties)
      } catch let failure as CallFailure where failure.status == .notFound {
        guard let compensation else { throw failure }
        try compensation(event, parties)
      }
    }
  }

  let steps: [Step]

  init(_ steps: [Step]) { self.steps = steps }
}

/// Who takes part in a saga: the service itself, by its database, and the others, by their methods.
struct Parties {
  /// Another service.
  enum Service: String {
    case task
    case notification

    func rpc(_ method: String) -> String {
      switch self {
      case .task: "task.v1.TaskService/\(method)"
      case .notification: "notification.v1.NotificationService/\(method)"
      }
    }
  }

  /// Makes a call.
  typealias Call = (_ service: Service, _ rpc: String, _ request: any Message, _ context: Context)
    throws -> Void

  /// The users, of the User service's own database.
  let users: UserStore
  /// The tasks, of the Task service's own database.
  let tasks: TaskStore
  /// The moment of the attempt.
  let context: Context
  let send: Call

  /// Calls a method of another service that can be called again.
  ///
  /// - Throws: `CallFailure`; `Settings.Invalid`.
  func call(_ service: Service, _ method: String, _ request: some Message) throws {
    try send(service, service.rpc(method), request, context)
  }

  /// A user, unless gone.
  ///
  /// - Throws: `DatabaseError`.
  func user(_ id: String) throws -> UserMessage? {
    do {
      return try ID(id).map(users.find)
    } catch let problem as Problem where problem.code == .userNotFound {
      return nil
    }
  }

  /// A task, unless gone.
  ///
  /// - Throws: `DatabaseError`.
  func task(_ id: String) throws -> TaskMessage? {
    do {
      return try ID(id).map { try tasks.find($0, owner: nil) }
    } catch let problem as Problem where problem.code == .taskNotFound {
      return nil
    }
  }

  /// What somebody is to be told about an event, once.
  func notice(
    about event: EventStore.Event,
    to user: String,
    subject: String,
    body: String,
    dueDate: Timestamp?
  ) -> NotifyUserRequest {
    NotifyUserRequest.with {
      $0.userID = user
      $0.key = event.key
      $0.subject = Notice.line(subject)
      $0.body = body
      if let dueDate { $0.dueDate = dueDate }
    }
  }
}
