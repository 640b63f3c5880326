import API
import Endpoint
import Runtime
import ServiceClient
import Stores
import Validation
import Values

/// What is to be done after an event, one step after the other.
struct Saga: Sendable {
  typealias Action = @Sendable (_ event: EventStore.Event, _ parties: Parties) throws -> Void

  /// A step that has done a part of what it does, and is to be gone on with.
  struct Unfinished: Error {}

  /// One thing to be done, by another service.
  struct Step: Sendable {
    /// Who does it.
    let service: Parties.Service
    /// How long after the event, in seconds, at the earliest.
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

    /// Does it; or what makes up for it when there is no such thing as it needs.
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

  /// Makes a call; the bytes of the answer.
  typealias Call = (_ service: Service, _ rpc: String, _ request: any Message, _ context: Context)
    throws -> [UInt8]

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

  /// A user, unless gone.
  ///
  /// - Throws: `DatabaseError`.
  func user(_ id: ID) throws -> UserMessage? {
    do {
      return try users.find(id)
    } catch let problem as Problem where problem.code == .userNotFound {
      return nil
    }
  }

  /// A task, unless gone.
  ///
  /// - Throws: `DatabaseError`.
  func task(_ id: ID) throws -> TaskMessage? {
    do {
      return try tasks.find(id, owner: nil)
    } catch let problem as Problem where problem.code == .taskNotFound {
      return nil
    }
  }

  /// Tells somebody about an event, once.
  ///
  /// - Throws: `CallFailure`; `Settings.Invalid`.
  func tell(
    _ user: ID,
    about event: EventStore.Event,
    _ task: TaskMessage,
    subject: String,
    _ sentence: String
  ) throws {
    let request = NotifyUserRequest.with {
      $0.userID = user.text
      $0.key = event.key
      $0.subject = Notice.line(subject)
      $0.body = "\(sentence)\n\nTask: \(task.title)\nPriority: \(task.priority.name)"
      if task.hasDueDate { $0.dueDate = task.dueDate }
    }
    try call(.notification, "NotifyUser", request)
  }
}
