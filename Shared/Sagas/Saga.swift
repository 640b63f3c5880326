import API
import Endpoint
import Runtime
import ServiceClient
import Stores
import Validation
import Values

/// The steps that follow from an event, one after the other.
struct Saga: Sendable {
  typealias Action = @Sendable (_ event: EventStore.Event, _ parties: Parties) throws -> Void

  /// Thrown by a step that has done a part of its work, and is to be resumed.
  struct Unfinished: Error {}

  /// One thing that another service does.
  struct Step: Sendable {
    /// The service that does it.
    let service: Parties.Service
    /// How long after the event it is done at the earliest, in seconds.
    let delaySeconds: Int64
    private let action: Action
    private let compensation: Action?

    init(
      _ service: Parties.Service,
      afterSeconds delaySeconds: Int64 = 0,
      _ action: @escaping Action,
      insteadWhenNotFound: Action? = nil
    ) {
      self.service = service
      self.delaySeconds = delaySeconds
      self.action = action
      compensation = insteadWhenNotFound
    }

    /// Does it, or its compensation when something that it needs does not exist.
    ///
    /// - Throws: `CallFailure`; `Unfinished`; `DatabaseError`; `Settings.Invalid`.
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

/// The parties of a saga: the service itself, by its database, and the others, by their methods.
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

  /// Makes a call, and returns the bytes of the answer.
  typealias Call = (_ service: Service, _ rpc: String, _ request: any Message, _ context: Context)
    throws -> [UInt8]

  /// The users, in the User service's own database.
  let users: UserStore
  /// The tasks, in the Task service's own database.
  let tasks: TaskStore
  /// The context of the attempt.
  let context: Context
  let send: Call

  /// Calls a method of another service that may be called again.
  ///
  /// - Throws: `CallFailure`; `Settings.Invalid`.
  @discardableResult
  func call<Response: Message>(
    _ service: Service,
    _ method: String,
    _ request: some Message,
    as response: Response.Type = Empty.self
  ) throws -> Response {
    let answer = try send(service, service.rpc(method), request, context)
    guard let response = try? Response(serializedBytes: answer) else {
      throw CallFailure(.internal, "the answer of \(method) cannot be read")
    }
    return response
  }

  /// Has the Task service remove a user's tasks.
  ///
  /// - Throws: `CallFailure`; `Unfinished`; `Settings.Invalid`.
  func deleteTasks(of user: ID) throws {
    let request = DeleteUserTasksRequest.with { $0.userID = user.text }
    let answer = try call(
      .task,
      "DeleteUserTasks",
      request,
      as: DeleteUserTasksResponse.self
    )
    if answer.more { throw Saga.Unfinished() }
  }

  /// A user; `nil` for one who was deleted.
  ///
  /// - Throws: `DatabaseError`.
  func user(_ id: ID) throws -> UserMessage? {
    do {
      return try users.find(id)
    } catch let problem as Problem where problem.code == .userNotFound {
      return nil
    }
  }

  /// A task; `nil` for one that was deleted.
  ///
  /// - Throws: `DatabaseError`.
  func task(_ id: ID) throws -> TaskMessage? {
    do {
      return try tasks.find(id, owner: nil)
    } catch let problem as Problem where problem.code == .taskNotFound {
      return nil
    }
  }

  /// Notifies a user of what happened to a task, once for each event.
  ///
  /// - Throws: `CallFailure`; `Settings.Invalid`.
  func notify(
    _ user: ID,
    of event: EventStore.Event,
    _ task: TaskMessage,
    _ text: Wording.Text
  ) throws {
    let request = NotifyUserRequest.with {
      $0.userID = user.text
      $0.key = event.key
      $0.subject = text.subject
      $0.body = text.body
      if task.hasDueDate { $0.dueDate = task.dueDate }
    }
    try call(.notification, "NotifyUser", request)
  }
}
