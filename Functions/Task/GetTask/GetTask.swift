import API
import Endpoint
import Runtime
import Serving
import Stores
import Values

/// `GET /api/v1/tasks/{id}`, gRPC `task.v1.TaskService/GetTask`: one task.
///
/// Open to the task's owner, admins and services; anybody else gets `TASK_NOT_FOUND`, as if there were no such task.
@main
struct GetTask: Function {
  static let contract = FunctionContract.getTask

  let tasks: Timed<TaskStore>

  func respond(to request: GetTaskRequest, in context: Context) throws -> TaskMessage {
    guard let id = ID(request.id) else { throw Problem.taskNotFound }
    return try tasks(by: context.deadline).find(
      id,
      owner: context.caller.seesEverything ? nil : context.caller.userID
    )
  }

  static func main() { Serving.run { GetTask(tasks: $0.tasks) } }
}
