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
/// Only admins and services add tasks for other users, else `PERMISSION_DENIED`, and only for users whom the User
/// service knows, else `USER_NOT_FOUND`. While the User service is unavailable the task is accepted; it is cancelled
/// later if there turns out to be no such user.
@main
struct CreateTask: Function {
  static let contract = FunctionContract.createTask

  let tasks: Timed<TaskStore>
  let users: UserDirectory

  func input(from request: CreateTaskRequest, in context: Context) throws -> TaskDraft {
    try TaskDraft(request, caller: context.caller)
  }

  func respond(to draft: TaskDraft, in context: Context) throws -> TaskMessage {
    let isForAnother = draft.userID != context.caller.userID
    if isForAnother, users.answer(about: draft.userID, in: context) == .unknown {
      throw Problem.userNotFound
    }
    return try tasks(by: context.deadline).insert(
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
