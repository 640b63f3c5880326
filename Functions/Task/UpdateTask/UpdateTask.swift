import API
import Endpoint
import Runtime
import ServiceClient
import Serving
import Stores
import Validation
import Values

/// `PUT` and `PATCH /api/v1/tasks/{id}`, gRPC `task.v1.TaskService/UpdateTask`: changes a task.
///
/// For its owner and for admins; for other users it is a `TASK_NOT_FOUND`. `VERSION_MISMATCH` when it
/// has changed since the version that the caller names, `INVALID_TRANSITION` when its status cannot
/// become the new one, `PERMISSION_DENIED` when somebody who is not an admin hands it to another, `USER_NOT_FOUND` when
/// the User service knows nobody of that id.
@main
struct UpdateTask: Function {
  static let route = Route(
    .put,
    .patch,
    path: "/api/v1/tasks/{id}",
    rpc: "task.v1.TaskService/UpdateTask"
  )
  static let access = Access.roles([.user, .admin])
  static let problems: [Problem.Code] = [
    .taskNotFound, .userNotFound, .invalidTransition, .versionMismatch,
  ]

  let tasks: TaskStore
  let users: UserDirectory

  static func validate(_ request: UpdateTaskRequest, in context: Context) throws {
    _ = try TaskChanges(request, caller: context.caller)
  }

  func respond(to request: UpdateTaskRequest, in context: Context) throws -> TaskMessage {
    guard let id = ID(request.id) else { throw Problem.taskNotFound }
    let changes = try TaskChanges(request, caller: context.caller)
    let owner = context.caller.role == .admin ? nil : context.caller.userID
    var assigner: String?
    if let user = changes.userID, user != context.caller.userID {
      assigner = context.caller.userID
      if users.answer(about: ID(stored: user), in: context) == .unknown {
        throw Problem.userNotFound
      }
    }
    return try tasks.update(id, with: changes, owner: owner, assigner: assigner, at: context.now)
  }

  static func main() {
    Serving.run { UpdateTask(tasks: $0.tasks, users: UserDirectory(try $0.access(to: .user))) }
  }
}
