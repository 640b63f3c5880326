import API
import Endpoint
import Runtime
import Serving
import Stores
import Validation

/// `GET /api/v1/users`, gRPC `user.v1.UserService/ListUsers`: one page of all users, the newest first.
///
/// For admins and services, else `PERMISSION_DENIED`. `INVALID_PAGE_TOKEN` for a token that was not given
/// by this list.
@main
struct ListUsers: Function {
  static let route = Route(.get, path: "/api/v1/users", rpc: "user.v1.UserService/ListUsers")
  static let access = Access.roles([.admin, .service])
  static let problems: [Problem.Code] = [.invalidPageToken]

  let users: UserStore
  let pages: PageTokens

  static func validate(_ request: ListUsersRequest, in context: Context) throws {
    _ = try UserListing(request, pages: .none)
  }

  func respond(to request: ListUsersRequest, in context: Context) throws -> ListUsersResponse {
    try users.page(UserListing(request, pages: pages), pages: pages)
  }

  static func main() { Serving.run { ListUsers(users: $0.users, pages: $0.pages) } }
}
