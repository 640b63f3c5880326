import API
import Endpoint
import Rules
import Serving
import Stores
import Values

/// `PUT` and `PATCH /api/v1/tasks/{id}`, gRPC `task.v1.TaskService/UpdateTask`: changes a task.
///
/// For its owner and for admins; for other users it is a `TASK_NOT_FOUND`. `VERSION_MISMATCH` when it
/// has changed since the version that the caller names, `INVALID_TRANSITION` when its status cannot
/// become the new one, `PERMISSION_DENIED` when somebody who is not an admin hands it to another.
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
    .taskNotFound, .invalidTransition, .versionMismatch,
  ]

  let tasks: TaskStore

  static func validate(_ request: UpdateTaskRequest, in context: Context) throws {
    _ = try TaskChanges(request, caller: context.caller)
  }

  func respond(to request: UpdateTaskRequest, in context: Context) throws -> TaskMessage {
    guard let id = ID(request.id) else { throw Problem.taskNotFound }
    let changes = try TaskChanges(request, caller: context.caller)
    let owner = context.caller.role == .admin ? nil : context.caller.userID
    let assigner = changes.userID == context.caller.userID ? nil : context.caller.userID
    return try tasks.update(id, with: changes, owner: owner, assigner: assigner, at: context.now)
  }

  static func main() { Serving.run { UpdateTask(tasks: $0.tasks) } }
}
