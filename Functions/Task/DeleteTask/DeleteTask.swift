import API
import Endpoint
import Runtime
import Serving
import Stores
import Values

/// `DELETE /api/v1/tasks/{id}`, gRPC `task.v1.TaskService/DeleteTask`: deletes a task.
///
/// Open to the task's owner and to admins; anybody else gets `TASK_NOT_FOUND`. `VERSION_MISMATCH` when the task
/// has changed since the version that the caller names.
@main
struct DeleteTask: Function {
  static let contract = FunctionContract.deleteTask

  let tasks: Timed<TaskStore>

  func respond(to request: DeleteTaskRequest, in context: Context) throws -> Empty {
    guard let id = ID(request.id) else { throw Problem.taskNotFound }
    try tasks(by: context.deadline).delete(
      id,
      expectedVersion: request.hasExpectedVersion ? request.expectedVersion : nil,
      owner: context.caller.role == .admin ? nil : context.caller.userID
    )
    return .nothing
  }

  static func main() { Serving.run { DeleteTask(tasks: $0.tasks) } }
}
