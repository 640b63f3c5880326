import API
import Endpoint
import Rules
import Serving
import Stores

/// `GET /api/v1/users/{user_id}/tasks`, gRPC `task.v1.TaskService/ListUserTasks`: one page of one user's
/// tasks.
///
/// For that user, admins and services; for everybody else it is a `USER_NOT_FOUND`. `INVALID_PAGE_TOKEN`
/// for a token that was not given by this list with these filters, `INVALID_ARGUMENT` for filters that
/// make no sense.
@main
struct ListUserTasks: Function {
  static let route = Route(
    .get,
    path: "/api/v1/users/{user_id}/tasks",
    rpc: "task.v1.TaskService/ListUserTasks"
  )
  static let access = Access.signedIn

  let tasks: TaskStore
  let pages: PageTokens

  static func validate(_ request: ListUserTasksRequest, in context: Context) throws {
    _ = try TaskListing(request, caller: context.caller, pages: .none)
  }

  func respond(to request: ListUserTasksRequest, in context: Context) throws -> ListTasksResponse {
    let listing = try TaskListing(request, caller: context.caller, pages: pages)
    return try tasks.page(listing, pages: pages)
  }

  static func main() { Serving.run { ListUserTasks(tasks: $0.tasks, pages: $0.pages) } }
}
