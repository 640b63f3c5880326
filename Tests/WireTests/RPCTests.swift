import API
import Endpoint
import Testing
import Values
import Wire

/// A call as the gateway passes it on.
private func call(_ body: [UInt8], _ variables: [String: String] = [:]) -> HTTPRequest {
  request(
    "POST",
    "/task.v1.TaskService/GetTask",
    bytes: body,
    ["RPC": "x"].merging(variables) { $1 }
  )
}

private func frame(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
  [flag, 0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message
}

struct `A gRPC call` {
  private let unary = Route(rpc: "task.v1.TaskService/GetTask")
  private let stream = Route(rpc: "task.v1.TaskService/GetTask", streams: true)
  private let message: [UInt8] = [0x0A, 1, 0x61]

  private func ids(_ body: [UInt8], _ route: Route, _ variables: [String: String] = [:]) throws
    -> [String]
  {
    try RPCDecoder.decode(call(body, variables), route: route, as: GetTaskRequest.self)
      .map(\.message.id)
  }

  private func refusal(_ body: [UInt8], _ variables: [String: String] = [:]) throws -> Problem {
    try problem { try ids(body, unary, variables) }
  }

  @Test func `has its message in a frame`() throws {
    #expect(try ids(frame(message), unary) == ["a"])
    #expect(try ids(frame(message), unary, ["HTTP_GRPC_ENCODING": "gzip"]) == ["a"])
    // A field that a newer client knows and this server does not.
    #expect(try ids(frame(message + [0xF8, 1, 7]), unary) == ["a"])
  }

  @Test func `has any number of messages when it is a stream`() throws {
    #expect(try ids([], stream) == [])
    #expect(try ids(frame(message) + frame([]) + frame(message), stream) == ["a", "", "a"])
  }

  @Test(arguments: [
    ([], "the call must have one message, not 0"),
    ([0, 0, 0], "the message's prefix is cut off after 3 of 5 bytes"),
    ([0, 0, 0, 0, 3, 10], "the message is cut off after 1 of 3 bytes"),
    ([7, 0, 0, 0, 0], "the message's compressed flag must be 0 or 1, not 7"),
    (
      [1, 0, 0, 0, 0],
      "the message is marked as compressed, but grpc-encoding names no compression"
    ),
    ([0, 0, 0, 0, 2, 10, 9], "the message is not a valid task.v1.GetTaskRequest"),
    // Not UTF-8.
    ([0, 0, 0, 0, 3, 10, 1, 0xFF], "the message is not a valid task.v1.GetTaskRequest"),
  ])
  func `is malformed, and says how`(body: [UInt8], message: String) throws {
    #expect(try refusal(body) == Problem(.malformedMessage, message))
  }

  @Test func `is refused when it is compressed or too large`() throws {
    let compressed = try refusal(frame(message, flag: 1), ["HTTP_GRPC_ENCODING": "gzip"])
    #expect(compressed.code == .unsupportedEncoding)
    #expect(compressed.message.contains("gzip"))
    #expect(try refusal([0, 0, 16, 0, 1]).code == .payloadTooLarge)
    #expect(try refusal([0, 255, 255, 255, 255]).code == .payloadTooLarge)
  }

  @Test(arguments: [
    ("1H", 3_600_000_000), ("2M", 120_000_000), ("3S", 3_000_000), ("40m", 40_000), ("5u", 5),
    ("6999n", 6), ("0S", 0), ("99999999H", 99_999_999 * 3_600_000_000),
  ])
  func `says how long its caller waits`(text: String, microseconds: Int64) throws {
    #expect(try RPCTimeout.microseconds(text) == microseconds)
  }

  @Test(arguments: ["", "S", "5", "5s", "-1S", "+1S", "123456789S", "1.5S", "1 S", "٣S", "5SS"])
  func `with a time that is none is refused by name`(text: String) throws {
    let problem = try problem { try RPCTimeout.microseconds(text) }
    #expect(problem.code == .invalidArgument)
    #expect(Array(problem.details.keys) == ["grpc-timeout"])
  }

  @Test func `has lost the time that it has been under way`() throws {
    let now = Instant(microseconds: 1_795_000_000_700_000)
    func left(_ variables: [String: String]) throws -> Int64? {
      try call([], variables).patienceMicroseconds(at: now)
    }
    #expect(try left([:]) == nil)
    #expect(try left(["HTTP_GRPC_TIMEOUT": "1S"]) == 1_000_000)
    let underWay = [
      "HTTP_GRPC_TIMEOUT": "1S", "GATEWAY_SECONDS": "0.250", "GATEWAY_TIME": "1795000000.500",
    ]
    #expect(try left(underWay) == 550_000)
    #expect(try left(underWay.merging(["HTTP_GRPC_TIMEOUT": "1m"]) { $1 }) == 0)
    // The gateway's clock was changed.
    #expect(try left(["HTTP_GRPC_TIMEOUT": "1S", "GATEWAY_TIME": "1795000009.000"]) == 1_000_000)
  }
}

struct `A gRPC answer` {
  private func headers(_ reply: RPCReply) -> [String: String] {
    Dictionary(uniqueKeysWithValues: reply.headers.map { ($0.name, $0.value) })
  }

  @Test func `has its message in a frame and its status in a header`() throws {
    let reply = try RPCReply([TaskMessage.with { $0.id = "a" }])
    #expect(reply.body == [0, 0, 0, 0, 3, 0x0A, 1, 0x61])
    #expect(
      String(decoding: reply.cgiBytes.dropLast(8), as: UTF8.self)
        == "Status: 200 OK\r\nContent-Type: application/grpc\r\nX-Grpc-Status: 0\r\n\r\n"
    )
    #expect(try RPCReply([TaskMessage(), TaskMessage()]).body == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test(arguments: [0, 1, 100, 124, 125, 126, 16_379, 16_380, 16_381, 70_000, 2_097_148, 2_097_149])
  func `is encoded as swift-protobuf encodes it, however long its messages`(length: Int) throws {
    var task = TaskMessage()
    task.title = String(repeating: "x", count: length)
    task.status = .inProgress
    task.version = -1
    task.dueDate = Timestamp(Instant(microseconds: -1))
    let page = ListTasksResponse.with {
      $0.tasks = [task, TaskMessage(), task]
      $0.nextPageToken = "next"
    }
    let bytes: [UInt8] = try page.serializedBytes()
    let body = try RPCReply([page]).body
    #expect(body[..<5].reduce(0) { $0 << 8 | Int($1) } == bytes.count)
    #expect(Array(body[5...]) == bytes)
  }

  @Test func `carries on what it does not understand`() throws {
    let task = try TaskMessage(serializedBytes: [0x0A, 1, 0x61, 0xF8, 1, 7, 0xFD, 1, 1, 2, 3, 4])
    let bytes: [UInt8] = try task.serializedBytes()
    #expect(try Array(RPCReply([task]).body.dropFirst(5)) == bytes)
  }

  @Test func `for a problem has no message, and HTTP 200 all the same`() {
    let reply = RPCReply(Problem.taskNotFound)
    #expect(reply.body.isEmpty)
    #expect(headers(reply)["X-Grpc-Status"] == "5")
    #expect(headers(reply)["X-Grpc-Message"] == "there is no such task")
    #expect(String(decoding: reply.cgiBytes, as: UTF8.self).hasPrefix("Status: 200 OK\r\n"))
  }

  @Test func `says in escapes what a header cannot hold`() {
    let reply = RPCReply(Problem(.invalidArgument, "100 %\r\nX: é"))
    #expect(headers(reply)["X-Grpc-Message"] == "100 %25%0D%0AX: %C3%A9")
  }

  @Test func `keeps its trailers small, whatever was quoted`() {
    let details = Dictionary(
      uniqueKeysWithValues: (0..<300).map { ("field\($0)", String(repeating: "é", count: 400)) }
    )
    let reply = RPCReply(
      Problem(.invalidArgument, String(repeating: "é", count: 9000), details: details)
    )
    let size = reply.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    #expect(size < 8192)
  }

  @Test func `never shows the cause`() {
    let reply = RPCReply(Problem.internal(cause: "SELECT 1"))
    #expect(!String(decoding: reply.cgiBytes, as: UTF8.self).contains("SELECT"))
  }

  /// The contract's table.
  @Test(arguments: [
    (RPCStatus.invalidArgument, ["INVALID_ARGUMENT", "MALFORMED_JSON", "INVALID_PAGE_TOKEN"]),
    (
      .unauthenticated,
      [
        "UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED",
        "INVALID_CREDENTIALS", "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_EXPIRED",
        "REFRESH_TOKEN_REUSED",
      ]
    ),
    (.permissionDenied, ["PERMISSION_DENIED", "WRONG_PASSWORD"]),
    (
      .notFound,
      [
        "NOT_FOUND", "USER_NOT_FOUND", "TASK_NOT_FOUND", "NOTIFICATION_NOT_FOUND",
        "SUBSCRIPTION_NOT_FOUND", "LINK_NOT_FOUND",
      ]
    ),
    (.unimplemented, ["METHOD_NOT_ALLOWED", "UNSUPPORTED_ENCODING"]),
    (.invalidArgument, ["UNSUPPORTED_MEDIA_TYPE"]),
    (.resourceExhausted, ["PAYLOAD_TOO_LARGE", "RATE_LIMITED"]),
    (.alreadyExists, ["USERNAME_TAKEN", "EMAIL_TAKEN"]),
    (.failedPrecondition, ["INVALID_TRANSITION", "CONTACT_UNKNOWN", "NO_SUBSCRIPTION"]),
    (.aborted, ["VERSION_MISMATCH"]),
    (.internal, ["INTERNAL", "MALFORMED_MESSAGE"]), (.unavailable, ["UNAVAILABLE"]),
    (.deadlineExceeded, ["DEADLINE_EXCEEDED"]),
  ])
  func `has the status of its code`(status: RPCStatus, codes: [String]) throws {
    for name in codes {
      #expect(try #require(Problem.Code(rawValue: name)).rpcStatus == status)
    }
  }
}

struct `A trace` {
  private let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

  @Test func `has the caller's id`() {
    #expect(Trace(parent: parent).id == "0af7651916cd43dd8448eb211c80319c")
    #expect(Trace().id == nil)
  }

  /// Source: W3C Trace Context §3.2.2.
  @Test(arguments: [
    "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx: y",
  ])
  func `that is not valid is dropped`(parent: String) {
    #expect(Trace(parent: parent).parent == nil)
  }
}
