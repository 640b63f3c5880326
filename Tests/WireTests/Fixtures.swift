import API
import Endpoint
import JSON
import Testing
import Wire

/// A request as the gateway passes it on.
///
/// `target` is a path, with or without a query; a body comes with its content type.
func request(
  _ method: String,
  _ target: String,
  body: String? = nil,
  _ variables: [String: String] = [:]
) -> HTTPRequest {
  request(method, target, bytes: body.map { Array($0.utf8) }, variables)
}

func request(
  _ method: String,
  _ target: String,
  bytes: [UInt8]?,
  _ variables: [String: String] = [:]
) -> HTTPRequest {
  let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(
    String.init
  )
  var all = [
    "REQUEST_METHOD": method, "DOCUMENT_URI": parts[0],
    "QUERY_STRING": parts.count == 2 ? parts[1] : "",
  ]
  if bytes != nil { all["CONTENT_TYPE"] = "application/json" }
  all.merge(variables) { $1 }
  return HTTPRequest(variables: { [all] in all[$0.description] }, body: bytes ?? [])
}

enum Routes {
  static let createTask = Route(
    .post,
    path: "/api/v1/tasks",
    rpc: "task.v1.TaskService/CreateTask",
    creates: "/api/v1/tasks/{id}"
  )
  static let getTask = Route(.get, path: "/api/v1/tasks/{id}", rpc: "task.v1.TaskService/GetTask")
  static let updateTask = Route(
    .put,
    .patch,
    path: "/api/v1/tasks/{id}",
    rpc: "task.v1.TaskService/UpdateTask"
  )
  static let deleteTask = Route(
    .delete,
    path: "/api/v1/tasks/{id}",
    rpc: "task.v1.TaskService/DeleteTask"
  )
  static let listTasks = Route(.get, path: "/api/v1/tasks", rpc: "task.v1.TaskService/ListTasks")
  static let listUserTasks = Route(
    .get,
    path: "/api/v1/users/{user_id}/tasks",
    rpc: "task.v1.TaskService/ListUserTasks"
  )
  static let updateUser = Route(
    .put,
    .patch,
    path: "/api/v1/users/{id}",
    rpc: "user.v1.UserService/UpdateUser"
  )
  static let login = Route(.post, path: "/api/v1/auth/login", rpc: "auth.v1.AuthService/Login")
  static let validate = Route(
    .post,
    path: "/api/v1/auth/validate",
    rpc: "auth.v1.AuthService/ValidateToken"
  )
}

/// The problem that `body` throws.
func problem<T>(_ location: SourceLocation = #_sourceLocation, _ body: () throws -> T) throws
  -> Problem
{
  try #require(throws: Problem.self, sourceLocation: location) { _ = try body() }
}

extension Message {
  /// A message with what `fill` sets.
  init(_ fill: (inout Self) -> Void) {
    self.init()
    fill(&self)
  }
}

extension HTTPReply {
  /// The header of that name.
  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  var text: String { String(decoding: body, as: UTF8.self) }
}

/// The members of a JSON object, by name.
func members(_ text: String) throws -> [String: JSONValue] {
  guard case .object(let object) = try JSONValue(parsing: Array(text.utf8)) else { return [:] }
  return Dictionary(uniqueKeysWithValues: object.members.map { ($0.name, $0.value) })
}
