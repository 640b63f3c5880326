import API
import Endpoint
import Runtime
import ServiceClient
import Serving
import Stores
import Validation
import Values

/// `GET /api/v1/users/{user_id}/tasks`, gRPC `task.v1.TaskService/ListUserTasks`: one page of one user's
/// tasks.
///
/// Open to the user, admins and services; anybody else gets `USER_NOT_FOUND`, and so do admins when the User service
/// says that there is no such user. `INVALID_PAGE_TOKEN` for a token that this list did not issue for these filters.
@main
struct ListUserTasks: Function {
  static let contract = FunctionContract.listUserTasks

  let tasks: Timed<TaskStore>
  let users: UserDirectory
  let pages: PageTokens

  func input(from request: ListUserTasksRequest, in context: Context) throws -> TaskListing {
    try TaskListing(request, caller: context.caller, pages: pages)
  }

  func respond(to listing: TaskListing, in context: Context) throws -> ListTasksResponse {
    if context.caller.role == .admin, let user = listing.owner, !context.caller.isUser(user),
      users.answer(about: user, in: context) == .unknown
    {
      throw Problem.userNotFound
    }
    return try tasks(by: context.deadline).page(listing, pages: pages)
  }

  static func main() {
    Serving.run {
      ListUserTasks(
        tasks: $0.tasks,
        users: UserDirectory(try $0.access(to: .user)),
        pages: $0.pages
      )
    }
  }
}
