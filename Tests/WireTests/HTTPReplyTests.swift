import API
import Endpoint
import Foundation
import JSON
import Testing
import Wire

private let task = TaskMessage {
  $0.id = "0190"
  $0.title = "Water the plants"
  $0.version = 3
}

struct `A reply` {
  private func get(ifNoneMatch: String? = nil, method: String = "GET") -> HTTPReply {
    var variables: [String: String] = [:]
    variables["HTTP_IF_NONE_MATCH"] = ifNoneMatch
    return HTTPReply(
      task,
      to: request(method, "/api/v1/tasks/0190", variables),
      route: Routes.getTask
    )
  }

  @Test func `with a resource has its version`() throws {
    let reply = get()
    #expect(reply.status == 200)
    #expect(reply.header("ETag") == "\"3\"")
    #expect(reply.header("Location") == nil)
    #expect(try members(reply.text)["title"] == .string("Water the plants"))
  }

  @Test(arguments: [
    "\"3\"", "W/\"3\"", "*", "\"1\", \"3\"", "\"3\",\"4\"", "\"1\",W/\"3\"", "  \"3\"  ",
    "\"1\",\t\"3\"",
  ])
  func `to a client that has that version already is 304 without a body`(tags: String) {
    for method in ["GET", "HEAD"] {
      let reply = get(ifNoneMatch: tags, method: method)
      #expect(reply.status == 304)
      #expect(reply.body.isEmpty)
      #expect(reply.header("ETag") == "\"3\"")
    }
  }

  @Test(arguments: [
    "\"2\"", "\"33\"", "3", "W/\"4\"", "\"1\", \"2\"", "", "\"", "\"3", "\"\u{0}3\"", "**",
  ])
  func `to a client that has another version is complete`(tags: String) {
    #expect(get(ifNoneMatch: tags).status == 200)
    #expect(!get(ifNoneMatch: tags).body.isEmpty)
  }

  @Test func `to a change is whole whatever If-None-Match says`() {
    let reply = HTTPReply(
      task,
      to: request("PATCH", "/api/v1/tasks/0190", body: "{}", ["HTTP_IF_NONE_MATCH": "\"3\""]),
      route: Routes.updateTask
    )
    #expect(reply.status == 200)
    #expect(!reply.body.isEmpty)
  }

  @Test func `with something new says where it is`() {
    let reply = HTTPReply(
      task,
      to: request("POST", "/api/tasks", body: "{}"),
      route: Routes.createTask
    )
    #expect(reply.status == 201)
    #expect(reply.header("Location") == "/api/v1/tasks/0190")
    #expect(reply.header("ETag") == "\"3\"")
    #expect(!reply.body.isEmpty)
  }

  @Test func `with nothing to say is 204`() {
    let reply = HTTPReply(
      Empty(),
      to: request("DELETE", "/api/v1/tasks/0190"),
      route: Routes.deleteTask
    )
    #expect(reply.status == 204)
    #expect(reply.body.isEmpty)
    #expect(reply.headers.isEmpty)
  }

  @Test func `with a page that is the last has no link`() {
    let reply = HTTPReply(
      ListTasksResponse(),
      to: request("GET", "/api/v1/tasks?page_size=2"),
      route: Routes.listTasks
    )
    #expect(reply.status == 200)
    #expect(reply.headers.isEmpty)
  }

  private func link(_ target: String) throws -> String {
    let reply = HTTPReply(
      ListTasksResponse { $0.nextPageToken = "n-e_xt" },
      to: request("GET", target),
      route: Routes.listTasks
    )
    let link = try #require(reply.header("Link"))
    #expect(link.hasPrefix("<") && link.hasSuffix(">; rel=\"next\""))
    return String(link.dropFirst().prefix { $0 != ">" })
  }

  @Test(arguments: [
    ("/api/v1/tasks", "/api/v1/tasks?page_token=n-e_xt"),
    ("/api/tasks?", "/api/tasks?page_token=n-e_xt"),
    ("/api/v1/tasks?page_token=old", "/api/v1/tasks?page_token=n-e_xt"),
    (
      "/api/v1/tasks?page_token=old&status=PENDING&q=a%20b",
      "/api/v1/tasks?status=PENDING&q=a%20b&page_token=n-e_xt"
    ),
  ])
  func `with a page says where the next one is`(target: String, link: String) throws {
    #expect(try self.link(target) == link)
  }

  /// Whatever form a client uses, the answer has one that the gateway understands.
  @Test(arguments: [
    "", "page_size=2", "status=PENDING&status=COMPLETED&order_by=due_date+desc", "q=caf%C3%A9",
    "q=café", "q=a%3Cb%3E", "q=a<b>c", "page_token", "page%5Ftoken=old&q=x", "page_token=&q=x",
  ])
  func `with a page has a link that asks for the same list`(query: String) throws {
    func decode(_ target: String) throws -> Decoded<ListTasksRequest> {
      try RESTDecoder.decode(request("GET", target), route: Routes.listTasks)
    }
    let first = try decode("/api/v1/tasks?" + query)
    let next = try decode(link("/api/v1/tasks?" + query))
    #expect(first.violations.isEmpty)
    #expect(next.violations.reasons == [:])
    var expected = first.message
    expected.pageToken = "n-e_xt"
    #expect(next.message == expected)
  }

  @Test func `with a page cannot be made to end its header line or its link`() throws {
    let reply = HTTPReply(
      ListTasksResponse { $0.nextPageToken = "next" },
      to: request(
        "GET",
        "/api/v1/tasks\r\nSet-Cookie: a=b?q=x>\r\n\r\n<html>, <http://evil>;\"\u{7F}\u{1}"
      ),
      route: Routes.listTasks
    )
    let link = try #require(reply.header("Link"))
    #expect(link.utf8.allSatisfy { $0 > 0x1F && $0 < 0x7F })
    #expect(link.filter { $0 == "<" || $0 == ">" } == "<>")
  }

  @Test func `as CGI has header lines, an empty line and the body`() {
    let text = String(decoding: get().cgiBytes, as: UTF8.self)
    let parts = text.components(separatedBy: "\r\n\r\n")
    #expect(parts.count == 2)
    let lines = parts[0].components(separatedBy: "\r\n")
    #expect(
      lines == [
        "Status: 200 OK", "Content-Type: application/json", "Content-Length: \(get().body.count)",
        "ETag: \"3\"",
      ]
    )
    #expect(parts[1] == get().text)
  }

  @Test func `as CGI has no length where there can be no body, and one where it is zero`() {
    let empty = HTTPReply(Empty(), to: request("DELETE", "/"), route: Routes.deleteTask)
    #expect(String(decoding: empty.cgiBytes, as: UTF8.self) == "Status: 204 No Content\r\n\r\n")
    let unchanged = get(ifNoneMatch: "*")
    #expect(
      String(decoding: unchanged.cgiBytes, as: UTF8.self)
        == "Status: 304 Not Modified\r\nETag: \"3\"\r\n\r\n"
    )
    let refused = HTTPReply(
      ValidateTokenResponse { $0.reason = "TOKEN_EXPIRED" },
      to: request("GET", "/", ["SESSION_CHECK": "session"]),
      route: Routes.validate
    )
    #expect(String(decoding: refused.cgiBytes, as: UTF8.self).contains("\r\nContent-Length: 0\r\n"))
  }
}

struct `A reply to the gateway's own question` {
  private func reply(_ check: String, _ fill: (inout ValidateTokenResponse) -> Void) -> HTTPReply {
    HTTPReply(
      ValidateTokenResponse(fill),
      to: request("GET", "/api/v1/auth/validate", ["SESSION_CHECK": check]),
      route: Routes.validate
    )
  }

  @Test(arguments: [("session", 303), ("token", 300)])
  func `lets the request go on`(check: String, status: Int) {
    let reply = reply(check) { $0.valid = true }
    #expect(reply.status == status)
    #expect(reply.body.isEmpty)
  }

  @Test(
    arguments: ["UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED"],
    ["session", "token"]
  )
  func `refuses it with a code for the client`(reason: String, check: String) {
    let reply = reply(check) { $0.reason = reason }
    #expect(reply.status == 401)
    #expect(reply.header("X-Refusal") == reason)
    #expect(reply.header("WWW-Authenticate")?.hasPrefix("Bearer realm=") == true)
    #expect(reply.body.isEmpty)
  }

  @Test func `has a code also for a reason that is none`() {
    #expect(reply("token") { $0.reason = "BAD_LUCK" }.header("X-Refusal") == "TOKEN_INVALID")
  }

  @Test func `is not what a client gets`() throws {
    let reply = HTTPReply(
      ValidateTokenResponse { $0.reason = "TOKEN_EXPIRED" },
      to: request("POST", "/api/v1/auth/validate", body: "{}"),
      route: Routes.validate
    )
    #expect(reply.status == 200)
    #expect(reply.text == #"{"valid":false,"reason":"TOKEN_EXPIRED"}"#)
    #expect(reply.header("X-Refusal") == nil)
  }
}

struct `A problem` {
  /// The contract's table of codes.
  static let statuses: [(status: Int, codes: [String])] = [
    (400, ["INVALID_ARGUMENT", "MALFORMED_JSON", "INVALID_PAGE_TOKEN", "MALFORMED_MESSAGE"]),
    (
      401,
      [
        "UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED",
        "INVALID_CREDENTIALS",
        "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_EXPIRED", "REFRESH_TOKEN_REUSED",
      ]
    ),
    (403, ["PERMISSION_DENIED", "WRONG_PASSWORD"]),
    (
      404,
      [
        "NOT_FOUND", "USER_NOT_FOUND", "TASK_NOT_FOUND", "NOTIFICATION_NOT_FOUND",
        "SUBSCRIPTION_NOT_FOUND", "LINK_NOT_FOUND",
      ]
    ),
    (405, ["METHOD_NOT_ALLOWED"]),
    (
      409,
      ["USERNAME_TAKEN", "EMAIL_TAKEN", "INVALID_TRANSITION", "CONTACT_UNKNOWN", "NO_SUBSCRIPTION"]
    ),
    (412, ["VERSION_MISMATCH"]),
    (413, ["PAYLOAD_TOO_LARGE"]),
    (415, ["UNSUPPORTED_MEDIA_TYPE", "UNSUPPORTED_ENCODING"]), (429, ["RATE_LIMITED"]),
    (414, ["URI_TOO_LONG"]), (431, ["HEADERS_TOO_LARGE"]),
    (500, ["INTERNAL"]),
    (503, ["UNAVAILABLE"]),
    (504, ["DEADLINE_EXCEEDED"]),
  ]

  @Test func `has a code of the contract, and each of these is one`() {
    let listed = Self.statuses.flatMap(\.codes)
    #expect(Set(listed).count == listed.count)
    #expect(Problem.Code.allCases.map(\.rawValue).sorted() == listed.sorted())
  }

  @Test(arguments: statuses)
  func `has the status of its code`(status: Int, codes: [String]) throws {
    for name in codes {
      let code = try #require(Problem.Code(rawValue: name))
      #expect(code.httpStatus == status)
      #expect(HTTPReply(Problem(code, "message")).status == status)
    }
  }

  @Test func `is written in the one error shape`() {
    let problem = Problem(
      .invalidArgument,
      "2 fields are \"invalid\"",
      details: ["title": "is required", "email": "is no\naddress"]
    )
    #expect(
      HTTPReply(problem).text
        == #"{"error":"2 fields are \"invalid\"","code":"INVALID_ARGUMENT","details":{"email":"is no\naddress","title":"is required"}}"#
    )
    #expect(
      HTTPReply(.taskNotFound).text == #"{"error":"there is no such task","code":"TASK_NOT_FOUND"}"#
    )
  }

  @Test func `does not tell its cause`() {
    for problem in [
      Problem.internal(cause: "SELECT secret"), .unavailable(cause: "SELECT secret"),
      .deadlineExceeded(cause: "SELECT secret"),
      Problem(.tokenInvalid, "the access token is not valid", cause: "SELECT secret"),
    ] {
      #expect(!String(decoding: HTTPReply(problem).cgiBytes, as: UTF8.self).contains("secret"))
    }
  }

  @Test(arguments: Problem.Code.allCases)
  func `comes with the headers of its status and no others`(code: Problem.Code) {
    let reply = HTTPReply(Problem(code, "message"), allowing: [.put, .patch])
    let names: [String] =
      switch reply.status {
      case 401: ["WWW-Authenticate"]
      case 405: ["Allow"]
      case 415: code == .unsupportedEncoding ? ["Accept-Encoding"] : ["Accept", "Accept-Patch"]
      case 429, 503, 504: ["Retry-After"]
      default: []
      }
    #expect(reply.headers.map(\.name) == names)
  }

  @Test func `says which methods are possible`() {
    #expect(
      HTTPReply(Problem(.methodNotAllowed, "no"), allowing: [.put, .patch]).header("Allow")
        == "PUT, PATCH"
    )
    #expect(
      HTTPReply(Problem(.methodNotAllowed, "no"), allowing: [.get]).header("Allow")?.split(
        separator: ", "
      ).first == "GET"
    )
  }

  /// RFC 6750 §3: no error code where no access token was refused, for a client may sign its user out for it.
  @Test func `with a token says what is wrong with it`() {
    let plain = "Bearer realm=\"task-management\""
    for code in Problem.Code.allCases where code.httpStatus == 401 {
      let isOfToken = [.tokenInvalid, .tokenExpired, .sessionRevoked].contains(code)
      #expect(
        HTTPReply(Problem(code)).header("WWW-Authenticate")
          == (isOfToken ? plain + ", error=\"invalid_token\"" : plain)
      )
      #expect(HTTPReply(Problem(code), readsToken: false).header("WWW-Authenticate") == plain)
    }
  }

  /// RFC 9110 §12.5.1 and §12.5.3, RFC 5789 §2.2.
  @Test func `of a body says which would be understood`() {
    #expect(
      HTTPReply(Problem(.unsupportedEncoding), allowing: [.patch]).headers.map {
        [$0.name, $0.value]
      }
        == [["Accept-Encoding", "identity"]]
    )
    #expect(
      HTTPReply(Problem(.unsupportedMediaType), allowing: [.post]).headers.map {
        [$0.name, $0.value]
      }
        == [["Accept", "application/json"]]
    )
    #expect(
      HTTPReply(Problem(.unsupportedMediaType), allowing: [.put, .patch]).header("Accept-Patch")
        == "application/merge-patch+json, application/json"
    )
  }

  @Test func `of load or outage says when to come back`() throws {
    for code: Problem.Code in [.rateLimited, .unavailable, .deadlineExceeded] {
      let seconds = try #require(Int(HTTPReply(Problem(code, "m")).header("Retry-After") ?? ""))
      #expect((1...60).contains(seconds))
    }
  }
}
