import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// `GET /api/v1/tasks`, gRPC `task.v1.TaskService/ListTasks`: one page of one's own tasks; for admins and
/// services, of everybody's.
///
/// `PERMISSION_DENIED` for another user's tasks, `INVALID_PAGE_TOKEN` for a token that was not given by
/// this list with these filters, `INVALID_ARGUMENT` for filters that make no sense.
@main
struct ListTasks: Function {
  static let route = Route(.get, path: "/api/v1/tasks", rpc: "task.v1.TaskService/ListTasks")
  static let access = Access.signedIn
  static let problems: [Problem.Code] = [.permissionDenied, .invalidPageToken]

  let tasks: TaskStore
  let pages: PageTokens

  static func validate(_ request: ListTasksRequest, in context: Context) throws {
    _ = try TaskListing(request, caller: context.caller, pages: .none)
  }

  func respond(to request: ListTasksRequest, in context: Context) throws -> ListTasksResponse {
    let listing = try TaskListing(request, caller: context.caller, pages: pages)
    return try tasks.page(listing, pages: pages)
  }

  static func main() { Serving.run { ListTasks(tasks: $0.tasks, pages: $0.pages) } }
}
