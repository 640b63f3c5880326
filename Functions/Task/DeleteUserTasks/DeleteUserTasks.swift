import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation
import Values

/// gRPC `task.v1.TaskService/DeleteUserTasks`: removes all tasks of a user who is no more.
///
/// For services. As many as the time allows; the answer tells whether some are left.
@main
struct DeleteUserTasks: Function {
  static let route = Route(rpc: "task.v1.TaskService/DeleteUserTasks")
  static let access = Access.roles([.service])
  static let problems: [Problem.Code] = []

  private static let deletedAtOnce = 500

  let tasks: TaskStore

  static func validate(_ request: DeleteUserTasksRequest, in context: Context) throws {
    _ = try UserReference(request.userID)
  }

  func respond(to request: DeleteUserTasksRequest, in context: Context) throws
    -> DeleteUserTasksResponse
  {
    let user = try UserReference(request.userID).id
    var response = DeleteUserTasksResponse()
    response.more = try context.repeating {
      try tasks.deleteSome(of: user, limit: Self.deletedAtOnce)
    }
    return response
  }

  static func main() { Serving.run { DeleteUserTasks(tasks: $0.tasks) } }
}
