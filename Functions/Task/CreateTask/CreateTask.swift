import API
import Endpoint
import Runtime
import ServiceClient
import Serving
import Stores
import Validation
import Values

/// `POST /api/v1/tasks`, gRPC `task.v1.TaskService/CreateTask`: adds a task.
///
/// A task for somebody else needs an admin or a service, else `PERMISSION_DENIED`, and somebody whom the User
/// service knows, else `USER_NOT_FOUND`; while that does not answer, the task is accepted, and
/// cancelled later should there be nobody. Fields that are
/// not sound are an `INVALID_ARGUMENT`.
@main
struct CreateTask: Function {
  static let route = Route(
    .post,
    path: "/api/v1/tasks",
    rpc: "task.v1.TaskService/CreateTask",
    creates: "/api/v1/tasks/{id}"
  )
  static let access = Access.signedIn
  static let problems: [Problem.Code] = [.permissionDenied, .userNotFound]

  let tasks: TaskStore
  let users: UserDirectory

  static func validate(_ request: CreateTaskRequest, in context: Context) throws {
    _ = try TaskDraft(request, caller: context.caller)
  }

  func respond(to request: CreateTaskRequest, in context: Context) throws -> TaskMessage {
    let draft = try TaskDraft(request, caller: context.caller)
    let isForAnother = draft.userID != context.caller.userID
    if isForAnother, users.answer(about: ID(stored: draft.userID), in: context) == .unknown {
      throw Problem.userNotFound
    }
    return try tasks.insert(
      draft,
      id: context.newID(),
      assigner: isForAnother ? context.caller.userID : nil,
      at: context.now
    )
  }

  static func main() {
    Serving.run { CreateTask(tasks: $0.tasks, users: UserDirectory(try $0.access(to: .user))) }
  }
}
