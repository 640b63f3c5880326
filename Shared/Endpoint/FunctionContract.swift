/// What the contract says of a function. One for each is generated from it.
public struct FunctionContract: Sendable {
  /// The executable, its socket, pool and log: `create-task`.
  public let name: String
  /// Where it is reached.
  public let route: Route
  /// Who may call it.
  public let access: Access
  /// Everything that it may refuse a request with.
  public let problems: [Problem.Code]
  /// All of it, as one line of JSON: what `--describe` prints.
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
