import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation
import Values

/// gRPC `task.v1.TaskService/DeleteUserTasks`: deletes all tasks of a deleted user.
///
/// Open to services. It deletes as many as the deadline allows; the answer says whether any are left.
@main
struct DeleteUserTasks: Function {
  static let contract = FunctionContract.deleteUserTasks

  private static let deletedAtOnce = 500

  let tasks: Timed<TaskStore>

  func input(from request: DeleteUserTasksRequest, in context: Context) throws -> ID {
    try UserReference(request.userID).id
  }

  func respond(to user: ID, in context: Context) throws -> DeleteUserTasksResponse {
    var response = DeleteUserTasksResponse()
    response.more = try context.repeating {
      try tasks(by: context.deadline).deleteSome(of: user, limit: Self.deletedAtOnce)
    }
    return response
  }

  static func main() { Serving.run { DeleteUserTasks(tasks: $0.tasks) } }
}
