import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// `GET /api/v1/users`, gRPC `user.v1.UserService/ListUsers`: one page of all users, the newest first.
///
/// Open to admins and services. `INVALID_PAGE_TOKEN` for a token that this list did not issue.
@main
struct ListUsers: Function {
  static let contract = FunctionContract.listUsers

  let users: Timed<UserStore>
  let pages: PageTokens

  func input(from request: ListUsersRequest, in context: Context) throws -> UserListing {
    try UserListing(request, pages: pages)
  }

  func respond(to listing: UserListing, in context: Context) throws -> ListUsersResponse {
    try users(by: context.deadline).page(listing, pages: pages)
  }

  static func main() { Serving.run { ListUsers(users: $0.users, pages: $0.pages) } }
}
