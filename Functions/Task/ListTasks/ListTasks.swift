import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// `GET /api/v1/tasks`, gRPC `task.v1.TaskService/ListTasks`: one page of the caller's tasks; for admins and
/// services, of everybody's.
///
/// `PERMISSION_DENIED` for another user's tasks, `INVALID_PAGE_TOKEN` for a token that this list did not issue
/// for these filters.
@main
struct ListTasks: Function {
  static let contract = FunctionContract.listTasks

  let tasks: Timed<TaskStore>
  let pages: PageTokens

  func input(from request: ListTasksRequest, in context: Context) throws -> TaskListing {
    try TaskListing(request, caller: context.caller, pages: pages)
  }

  func respond(to listing: TaskListing, in context: Context) throws -> ListTasksResponse {
    try tasks(by: context.deadline).page(listing, pages: pages)
  }

  static func main() { Serving.run { ListTasks(tasks: $0.tasks, pages: $0.pages) } }
}
