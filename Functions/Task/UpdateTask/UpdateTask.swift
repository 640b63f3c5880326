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
/// Open to the task's owner and to admins; anybody else gets `TASK_NOT_FOUND`. `VERSION_MISMATCH` when the task
/// has changed since the version that the caller names, `INVALID_TRANSITION` when its status cannot become the new
/// one. Only admins hand a task to another user, else `PERMISSION_DENIED`, and only to users whom the User service
/// knows, else `USER_NOT_FOUND`.
@main
struct UpdateTask: Function {
  static let contract = FunctionContract.updateTask

  let tasks: Timed<TaskStore>
  let users: UserDirectory

  func input(from request: UpdateTaskRequest, in context: Context) throws -> (ID, TaskChanges) {
    let changes = Result { try TaskChanges(request, caller: context.caller) }
    guard let id = ID(request.id) else { throw Problem.taskNotFound.outranking(changes) }
    return (id, try changes.get())
  }

  func respond(to input: (ID, TaskChanges), in context: Context) throws -> TaskMessage {
    let (id, changes) = input
    let owner = context.caller.role == .admin ? nil : context.caller.userID
    var assigner: ID?
    if let user = changes.userID, user != context.caller.userID {
      assigner = context.caller.userID
      if users.answer(about: user, in: context) == .unknown {
        throw Problem.userNotFound
      }
    }
    return try tasks(by: context.deadline).update(
      id,
      with: changes,
      owner: owner,
      assigner: assigner,
      at: context.now
    )
  }

  static func main() {
    Serving.run { UpdateTask(tasks: $0.tasks, users: UserDirectory(try $0.access(to: .user))) }
  }
}
