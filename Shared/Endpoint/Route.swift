/// The REST path and the gRPC method of a function.
public struct Route: Sendable {
  /// An HTTP method.
  public enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"

    /// Whether the request's fields are in a body rather than in the query.
    public var hasBody: Bool { self != .get && self != .delete }
  }

  /// The methods that lead here.
  public let methods: [Method]
  /// The path with a `{name}` for each part that varies, e.g. `/api/v1/tasks/{id}`.
  public let path: String
  /// The gRPC method, `package.Service/Method`, as in the contract; `nil` if there is none.
  public let rpc: String?
  /// Whether the gRPC method takes a stream of questions and answers each by itself.
  public let streams: Bool
  /// Whether a body holds fields of the request; if not, it may be anything and is not read.
  public let readsBody: Bool
  /// The path of a resource that the function creates, with `{id}`; `nil` when it creates none.
  public let creates: String?

  /// A route.
  public init(
    _ methods: Method...,
    path: String,
    rpc: String?,
    creates: String? = nil,
    readsBody: Bool = true
  ) {
    self.methods = methods
    self.path = path
    self.rpc = rpc
    self.creates = creates
    self.readsBody = readsBody
    streams = false
  }

  /// The route of a function that is reached by gRPC alone.
  public init(rpc: String, streams: Bool = false) {
    methods = []
    path = ""
    self.rpc = rpc
    creates = nil
    readsBody = false
    self.streams = streams
  }

  /// Matches a path against the pattern. `/api/…` without a version stands for `/api/v1/…`.
  ///
  /// - Returns: the part in place of each `{name}`; `nil` when the path does not match.
  public func match(_ path: String) -> [(name: String, value: String)]? {
    var (path, pattern) = (path, self.path)
    return path.withUTF8 { actual in
      pattern.withUTF8 { expected in
        guard actual.first == UInt8(ascii: "/") else { return nil }
        var parameters: [(name: String, value: String)] = []
        var actual = Segments(actual)
        var expected = Segments(expected)
        while let wanted = expected.next() {
          // Only the pattern has a version: the path is in the older form.
          if wanted.isVersion, let following = actual.peek(), !following.isVersion { continue }
          guard let segment = actual.next() else { return nil }
          if let name = wanted.parameter {
            guard !segment.bytes.isEmpty else { return nil }
            parameters.append((name, String(decoding: segment.bytes, as: UTF8.self)))
          } else if !segment.isSame(as: wanted) {
            return nil
          }
        }
        return actual.next() == nil ? parameters : nil
      }
    }
  }
}

/// One part of a path, between two slashes.
private struct Segment {
  let bytes: Slice<UnsafeBufferPointer<UInt8>>
  /// The position in the path, counted from 0, which is before the first slash.
  let place: Int

  /// `/api/v1/…`
  var isVersion: Bool { place == 2 && bytes.elementsEqual("v1".utf8) }

  /// The name in `{name}`.
  var parameter: String? {
    guard bytes.first == UInt8(ascii: "{") else { return nil }
    return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
  }

  func isSame(as other: Segment) -> Bool {
    bytes.count == other.bytes.count && bytes.elementsEqual(other.bytes)
  }
}

/// The parts of a path, from left to right.
private struct Segments {
  private let path: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var place = 0

  init(_ path: UnsafeBufferPointer<UInt8>) { self.path = path }

  /// The next part, without advancing.
  func peek() -> Segment? {
    guard position <= path.count else { return nil }
    let rest = path[position...]
    return Segment(
      bytes: rest[..<(rest.firstIndex(of: UInt8(ascii: "/")) ?? path.count)],
      place: place
    )
  }

  mutating func next() -> Segment? {
    guard let segment = peek() else { return nil }
    position = segment.bytes.endIndex + 1
    place += 1
    return segment
  }
}
