/// The contract of a function, generated from the `.proto` files.
public struct FunctionContract: Sendable {
  /// The executable, its socket, pool and log: `create-task`.
  public let name: String
  /// Its REST path and its gRPC method.
  public let route: Route
  /// The callers that it accepts.
  public let access: Access
  /// The codes with which it may refuse a request.
  public let problems: [Problem.Code]
  /// The whole contract as one line of JSON, which `--describe` prints.
  public let description: StaticString

  /// A contract.
  public init(
    name: String,
    route: Route,
    access: Access,
    problems: [Problem.Code],
    description: StaticString
  ) {
    self.name = name
    self.route = route
    self.access = access
    self.problems = problems
    self.description = description
  }
}
