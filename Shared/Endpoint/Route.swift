/// Where a function is reached: its REST path and its gRPC method.
public struct Route: Sendable {
  /// An HTTP method.
  public enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"

    /// Whether the request's fields stand in a body; else they stand in the query.
    public var hasBody: Bool { self != .get && self != .delete }
  }

  /// The methods that lead here.
  public let methods: [Method]
  /// The path with `{name}` for what varies, e.g. `/api/v1/tasks/{id}`.
  public let path: String
  /// `package.Service/Method` as in the contract; `nil` for what has no gRPC method.
  public let rpc: String?
  /// Whether the gRPC method takes a stream of questions and answers each by itself.
  public let streams: Bool
  /// Where to find what was made, as a path with `{id}`; `nil` when nothing is made.
  public let creates: String?

  /// A route.
  public init(_ methods: Method..., path: String, rpc: String?, creates: String? = nil) {
    self.methods = methods
    self.path = path
    self.rpc = rpc
    self.creates = creates
    streams = false
  }

  /// The route of what is reached by gRPC alone.
  public init(rpc: String, streams: Bool = false) {
    methods = []
    path = ""
    self.rpc = rpc
    creates = nil
    self.streams = streams
  }

  /// What stands in place of each `{name}`, or `nil` when `path` is not of this form.
  /// `/api/…` without a version is `/api/v1/…`.
  public func match(_ path: String) -> [String: String]? {
    guard path.hasPrefix("/") else { return nil }
    var actual = path.split(separator: "/", omittingEmptySubsequences: false)[...]
    var expected = self.path.split(separator: "/", omittingEmptySubsequences: false)[...]
    if actual.dropFirst().first == "api", actual.dropFirst(2).first != "v1",
      expected.dropFirst(2).first == "v1"
    {
      actual = actual.dropFirst(2)
      expected = expected.dropFirst(3)
    }
    guard actual.count == expected.count else { return nil }
    var parameters: [String: String] = [:]
    for (value, pattern) in zip(actual, expected) {
      if pattern.hasPrefix("{") {
        guard !value.isEmpty else { return nil }
        parameters[String(pattern.dropFirst().dropLast())] = String(value)
      } else if value != pattern {
        return nil
      }
    }
    return parameters
  }
}
