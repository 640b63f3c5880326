import API
import Endpoint
import Testing
import Values
import Wire

struct `A REST request` {
  private func create(_ body: String) throws -> Decoded<CreateTaskRequest> {
    try RESTDecoder.decode(request("POST", "/api/v1/tasks", body: body), route: Routes.createTask)
  }

  private func list(_ query: String) throws -> Decoded<ListTasksRequest> {
    try RESTDecoder.decode(request("GET", "/api/v1/tasks?" + query), route: Routes.listTasks)
  }

  private func update(
    _ method: String,
    _ body: String,
    _ variables: [String: String] = [:]
  ) throws -> Decoded<UpdateTaskRequest> {
    try RESTDecoder.decode(
      request(method, "/api/v1/tasks/7", body: body, variables),
      route: Routes.updateTask
    )
  }

  // MARK: - Path and method

  @Test(arguments: ["/api/v1/tasks/0190", "/api/tasks/0190"])
  func `gives what its path names`(path: String) throws {
    let decoded: Decoded<GetTaskRequest> = try RESTDecoder.decode(
      request("GET", path),
      route: Routes.getTask
    )
    #expect(decoded.message.id == "0190")
    #expect(decoded.violations.isEmpty)
  }

  @Test func `takes its path from PATH_INFO under plain CGI`() throws {
    let variables = ["REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/tasks/0190"]
    let decoded: Decoded<GetTaskRequest> = try RESTDecoder.decode(
      HTTPRequest(variables: { variables[$0.description] }, body: []),
      route: Routes.getTask
    )
    #expect(decoded.message.id == "0190")
  }

  @Test func `of HEAD is read like one of GET`() throws {
    let decoded: Decoded<GetTaskRequest> = try RESTDecoder.decode(
      request("HEAD", "/api/v1/tasks/0190"),
      route: Routes.getTask
    )
    #expect(decoded.message.id == "0190")
  }

  @Test(arguments: ["/", "/api/v1/tasks", "/api/v1/users/7", "/api/v1/tasks/7/x", ""])
  func `for another path is not found`(path: String) throws {
    let problem = try problem {
      try RESTDecoder.decode(request("GET", path), route: Routes.getTask, as: GetTaskRequest.self)
    }
    #expect(problem.code == .notFound)
  }

  @Test(arguments: [
    "POST", "DELETE", "get", "", "OPTIONS", "TRACE", String(repeating: "X", count: 1000),
  ])
  func `of another method is not possible`(method: String) throws {
    let problem = try problem {
      try RESTDecoder.decode(
        request(method, "/api/v1/tasks/7"),
        route: Routes.getTask,
        as: GetTaskRequest.self
      )
    }
    #expect(problem.code == .methodNotAllowed)
    #expect(problem.message.utf8.count < 100)
  }

  @Test func `cannot name its path's field again in the query`() throws {
    let decoded: Decoded<ListUserTasksRequest> = try RESTDecoder.decode(
      request("GET", "/api/v1/users/7/tasks?user_id=7"),
      route: Routes.listUserTasks
    )
    #expect(decoded.violations.reasons.keys.sorted() == ["user_id"])
  }

  @Test func `cannot name its path's field again in the body`() throws {
    #expect(try update("PATCH", "{\"id\":\"7\"}").violations.reasons.keys.sorted() == ["id"])
  }

  // MARK: - Query

  @Test func `gives the fields of its query`() throws {
    let decoded = try list(
      "page_size=7&page_token=abc&status=PENDING&status=COMPLETED&priority=HIGH&due_before=2026-11-22T10:00:00Z"
        + "&due_after=2026-11-21T10:00:00%2B02:00&q=water+the%20plants&order_by=due_date%20desc&user_id=u"
    )
    #expect(decoded.violations.reasons == [:])
    let message = decoded.message
    #expect(message.pageSize == 7)
    #expect(message.pageToken == "abc")
    #expect(message.status == [.pending, .completed])
    #expect(message.priority == [.high])
    #expect(message.dueBefore.instant.rfc3339 == "2026-11-22T10:00:00Z")
    #expect(message.dueAfter.instant.rfc3339 == "2026-11-21T08:00:00Z")
    #expect(message.q == "water the plants")
    #expect(message.orderBy == "due_date desc")
    #expect(message.userID == "u")
  }

  @Test func `without a query has nothing set`() throws {
    for query in ["", "&", "&&&"] {
      let decoded = try list(query)
      #expect(decoded.violations.reasons == [:])
      #expect(decoded.message == ListTasksRequest())
    }
  }

  @Test(arguments: [
    ("q=caf%C3%A9", "café"), ("q=caf%c3%a9", "café"), ("q=café", "café"), ("q=a%26b%3Dc", "a&b=c"),
    ("q=a=b", "a=b"), ("q=%2B", "+"), ("q=+", " "), ("q=%25", "%"), ("q=%F0%9F%98%80", "😀"),
    ("q=", ""), ("q", ""), ("%71=x", "x"), ("q=/?:@", "/?:@"),
  ])
  func `has its query's percent-encoding undone`(query: String, words: String) throws {
    let decoded = try list(query)
    #expect(decoded.violations.reasons == [:])
    #expect(Array(decoded.message.q.utf8) == Array(words.utf8))
  }

  @Test(arguments: [
    "q=%", "q=%4", "q=%4g", "q=%%41", "q=%zz", "q=100%", "q=%00", "q=a%00b", "q=%FF", "q=%C3",
    "q=%C3%28", "q=%C0%AF", "q=%ED%A0%80", "q=%F4%90%80%80", "q=%u0041", "q=%+1", "q=%-1", "q=% 1",
  ])
  func `reports a query's field that is not UTF-8 in percent-encoding`(query: String) throws {
    #expect(try list(query).violations.reasons.keys.sorted() == ["q"])
  }

  @Test(arguments: [("%=1", "%"), ("%FF=1", "%FF"), ("%00=1", "%00")])
  func `reports a query's name that cannot be decoded`(query: String, name: String) throws {
    #expect(try list(query).violations.reasons.keys.sorted() == [name])
  }

  @Test(arguments: ["page_size", "page_token", "q", "order_by", "user_id", "due_before"])
  func `reports a field that occurs twice`(name: String) throws {
    let value = name == "page_size" ? "5" : name == "due_before" ? "2026-11-22T10:00:00Z" : "x"
    #expect(
      try list("\(name)=\(value)&\(name)=\(value)").violations.reasons == [name: "is given 2 times"]
    )
  }

  @Test(arguments: [
    "colour=red", "Status=PENDING", "page-size=5", "=5", "title=x", "update_mask=x", "q%20=x",
  ])
  func `reports a query's field that it does not have`(query: String) throws {
    #expect(
      try list(query).violations.reasons.values.sorted() == ["is not a field of this request"]
    )
  }

  @Test(arguments: [
    "", "five", "5.0", "5e1", "0x5", "+5", " 5", "5 ", "٥", "2147483648", "-2147483649",
    "99999999999999999999",
  ])
  func `has whole numbers of 32 bits in its query`(size: String) throws {
    let encoded = size.replacing("+", with: "%2B")
    #expect(
      try list("page_size=\(encoded)").violations.reasons == ["page_size": "must be a whole number"]
    )
  }

  @Test(
    arguments: [("0", 0), ("-1", -1), ("9999", 9999), ("2147483647", Int32.max)]
      as [(String, Int32)]
  )
  func `leaves it to the rules which whole numbers make sense`(size: String, number: Int32) throws {
    #expect(try list("page_size=\(size)").message.pageSize == number)
    #expect(try list("page_size=\(size)").violations.isEmpty)
  }

  @Test(arguments: [
    "status=pending", "status=", "status=STATUS_UNSPECIFIED", "status=1",
    "status=PENDING,COMPLETED", "status=PENDING&status=NO",
  ])
  func `has enumerations by their names`(query: String) throws {
    #expect(
      try list(query).violations.reasons == [
        "status": "must be one of PENDING, IN_PROGRESS, COMPLETED, CANCELLED"
      ]
    )
  }

  @Test func `has its query bounded`() throws {
    let problem = try problem {
      try list(Array(repeating: "q=x", count: 101).joined(separator: "&"))
    }
    #expect(problem.code == .invalidArgument)
    let statuses = Array(repeating: "status=PENDING", count: 21).joined(separator: "&")
    #expect(try list(statuses).violations.reasons.keys.sorted() == ["status"])
  }

  @Test(arguments: ["title=x", "password=secret", "id=1"])
  func `that has a body has no fields in its query`(query: String) throws {
    let decoded: Decoded<CreateTaskRequest> = try RESTDecoder.decode(
      request("POST", "/api/v1/tasks?" + query, body: "{\"title\":\"t\"}"),
      route: Routes.createTask
    )
    #expect(decoded.violations.reasons.count == 1)
    #expect(decoded.message.title == "t")
  }

  // MARK: - Body

  @Test func `gives the fields of its body`() throws {
    let decoded = try create(
      """
      {"title":"Wäter","description":null,"status":"IN_PROGRESS","priority":"LOW",\
      "due_date":"2026-11-22T12:00:00.5+02:00","user_id":"u"}
      """
    )
    #expect(decoded.violations.reasons == [:])
    #expect(decoded.message.title == "Wäter")
    #expect(!decoded.message.hasDescription_p)
    #expect(decoded.message.status == .inProgress)
    #expect(decoded.message.priority == .low)
    #expect(decoded.message.dueDate.instant.rfc3339 == "2026-11-22T10:00:00.500Z")
    #expect(decoded.message.userID == "u")
  }

  @Test(arguments: [
    "application/json", "APPLICATION/JSON", "application/json; charset=utf-8",
    "application/json;charset=UTF-8", "application/json; charset=\"utf-8\"",
    "application/json ; charset=utf-8", "application/json; profile=x",
    "application/json;charset=utf8",
    "application/json; charset=UTF8", "application/json; Charset = \"UtF8\"", "application/json;",
    "application/json; profile=x; charset=utf8", "application/json;\tcharset=\"UTF-8\" ",
  ])
  func `has a body of JSON in UTF-8`(type: String) throws {
    let decoded: Decoded<CreateTaskRequest> = try RESTDecoder.decode(
      request("POST", "/api/v1/tasks", body: "{\"title\":\"t\"}", ["CONTENT_TYPE": type]),
      route: Routes.createTask
    )
    #expect(decoded.message.title == "t")
  }

  @Test(arguments: [
    "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/jsonp", "json", "application/json; charset=latin-1",
    "application/json; charset=utf-16", "application/json, text/plain", "text/json",
    "application/merge-patch+json", "application/xml", "application/problem+json",
    "application/ json",
    "application/json; charset=utf8; charset=latin1", "application/json; charset=\"\"",
    "application/json; charset=utf-7", "application/json; charset=\"utf-16\"",
    "application/json; charset=utf-8x",
  ])
  func `has a body of no other type`(type: String) throws {
    let problem = try problem {
      try RESTDecoder.decode(
        request("POST", "/api/v1/tasks", body: "{\"title\":\"t\"}", ["CONTENT_TYPE": type]),
        route: Routes.createTask,
        as: CreateTaskRequest.self
      )
    }
    #expect(problem.code == .unsupportedMediaType)
  }

  /// RFC 7396.
  @Test func `of PATCH may have a merge patch, and of PUT not`() throws {
    for type in [
      "application/merge-patch+json", "Application/Merge-Patch+JSON; charset=utf8",
      "application/json",
    ] {
      let decoded = try update(
        "PATCH",
        #"{"description":null,"title":"t"}"#,
        ["CONTENT_TYPE": type]
      )
      #expect(decoded.message.title == "t")
      #expect(decoded.message.updateMask.names == ["title", "description"])
    }
    for (method, type) in [
      ("PUT", "application/merge-patch+json"), ("PATCH", "application/json-patch+json"),
      ("PATCH", "application/merge-patch+json; charset=latin1"),
      ("PATCH", "application/vnd.x+json"),
    ] {
      let problem = try problem { _ = try update(method, "{}", ["CONTENT_TYPE": type]) }
      #expect(problem.code == .unsupportedMediaType, "\(method) \(type)")
    }
  }

  @Test(arguments: [
    "gzip", "GZIP", "br", "deflate", "x-gzip", "identity, gzip", "gzip,identity", "zstd",
  ])
  func `has no compressed body, whatever is in it`(coding: String) throws {
    for body in ["{\"title\":\"t\"}", "\u{1F}\u{8B}\u{8}"] {
      let problem = try problem {
        try RESTDecoder.decode(
          request("POST", "/api/v1/tasks", body: body, ["HTTP_CONTENT_ENCODING": coding]),
          route: Routes.createTask,
          as: CreateTaskRequest.self
        )
      }
      #expect(problem.code == .unsupportedEncoding)
      #expect(problem.message.contains(coding))
    }
  }

  @Test(arguments: ["", "identity", "Identity", "identity, identity", " , "])
  func `may say that its body is not compressed`(coding: String) throws {
    let decoded: Decoded<CreateTaskRequest> = try RESTDecoder.decode(
      request(
        "POST",
        "/api/v1/tasks",
        body: "{\"title\":\"t\"}",
        ["HTTP_CONTENT_ENCODING": coding]
      ),
      route: Routes.createTask
    )
    #expect(decoded.message.title == "t")
  }

  @Test(arguments: ["GET", "DELETE"])
  func `has no body where there is nothing to say`(method: String) throws {
    let route = method == "GET" ? Routes.getTask : Routes.deleteTask
    let problem = try problem {
      try RESTDecoder.decode(
        request(method, "/api/v1/tasks/7", body: "{}"),
        route: route,
        as: GetTaskRequest.self
      )
    }
    #expect(problem.code == .invalidArgument)
  }

  @Test(arguments: [
    ("[]", "an array"), ("null", "null"), ("\"x\"", "a string"), ("1", "a number"),
    ("true", "a boolean"),
  ])
  func `has an object as its body`(body: String, kind: String) throws {
    let problem = try problem { try create(body) }
    #expect(problem.code == .malformedJSON)
    #expect(problem.message == "the body must be a JSON object, not \(kind)")
  }

  @Test func `reports where its body stops being JSON`() throws {
    let problem = try problem { try create("{\n  \"title\": \"t\",\n}") }
    #expect(problem.code == .malformedJSON)
    #expect(problem.details == ["line": "3", "column": "1", "offset": "18"])
    #expect(problem.message.contains("line 3, column 1"))
  }

  @Test(arguments: [
    "", " ", "{", "{\"title\":\"t\"}{}", "{\"title\":\"t\",\"title\":\"u\"}", "title=t",
  ])
  func `has a whole body`(body: String) throws {
    #expect(try problem { try create(body) }.code == .malformedJSON)
  }

  @Test func `has a body in UTF-8 without lone surrogates`() throws {
    for bytes in [
      Array("{\"title\":\"".utf8) + [0xFF] + Array("\"}".utf8), Array(#"{"title":"\ud800"}"#.utf8),
    ] {
      let problem = try problem {
        try RESTDecoder.decode(
          request("POST", "/api/v1/tasks", bytes: bytes),
          route: Routes.createTask,
          as: CreateTaskRequest.self
        )
      }
      #expect(problem.code == .malformedJSON)
    }
  }

  @Test func `reports everything that is wrong in its body at once`() throws {
    let violations = try create(
      """
      {"description":5,"status":"DONE","priority":["LOW"],"due_date":"2026-02-30T00:00:00Z","user_id":false,"colour":1}
      """
    ).violations
    #expect(
      violations.reasons == [
        "title": "is required", "description": "must be a string, not a number",
        "status": "must be one of PENDING, IN_PROGRESS, COMPLETED, CANCELLED",
        "priority": "must be a string, not an array",
        "due_date": "has an impossible day: 30 is not in 1 to 28",
        "user_id": "must be a string, not a boolean",
        "colour": "is not a field of this request",
      ]
    )
  }

  @Test(arguments: ["{}", "{\"title\":null}"])
  func `reports what is missing, null included`(body: String) throws {
    #expect(try create(body).violations.reasons == ["title": "is required"])
  }

  @Test(arguments: ["1", "\"x\"", "\"true\"", "[true]", "{}"])
  func `has booleans that are booleans`(value: String) throws {
    let body = "{\"refresh_token\":\"t\",\"everywhere\":\(value)}"
    let decoded = try RESTDecoder.decode(json: Array(body.utf8), as: LogoutRequest.self)
    #expect(decoded.violations.reasons == ["everywhere": "must be true or false"])
  }

  @Test(arguments: ["\"5\"", "5.5", "5e0", "true", "[5]", "2147483648"])
  func `has whole numbers that are whole numbers`(value: String) throws {
    let decoded = try RESTDecoder.decode(
      json: Array("{\"page_size\":\(value)}".utf8),
      as: ListUsersRequest.self
    )
    #expect(decoded.violations.reasons == ["page_size": "must be a whole number"])
  }

  @Test(arguments: ["\"PENDING\"", "[1]", "[\"PENDING\",null]", "{}"])
  func `has lists of names that are lists of names`(value: String) throws {
    let decoded = try RESTDecoder.decode(
      json: Array("{\"status\":\(value)}".utf8),
      as: ListTasksRequest.self
    )
    #expect(decoded.violations.reasons == ["status": "must be an array of strings"])
  }

  @Test(arguments: [
    "tomorrow", "2026-11-22", "2026-11-22T10:00:00", "2026-02-30T10:00:00Z", "2026-11-22T23:59:60Z",
    "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "",
  ])
  func `has times of RFC 3339`(time: String) throws {
    #expect(
      try create("{\"title\":\"t\",\"due_date\":\"\(time)\"}").violations.reasons.keys.sorted() == [
        "due_date"
      ]
    )
  }

  // MARK: - PUT and PATCH

  @Test func `of PUT replaces everything that can be replaced`() throws {
    let decoded = try update("PUT", "{\"title\":\"t\"}")
    #expect(decoded.violations.reasons == [:])
    #expect(decoded.message.id == "7")
    #expect(decoded.message.title == "t")
    #expect(decoded.message.hasUpdateMask)
    #expect(
      decoded.message.updateMask.names == [
        "title", "description", "status", "priority", "due_date", "reminders",
      ]
    )
  }

  @Test func `of reminders takes a list of minutes, an empty one, or none`() throws {
    #expect(try create(#"{"title":"t","reminders":[60,0]}"#).message.reminders.minutes == [60, 0])
    #expect(try create(#"{"title":"t","reminders":[]}"#).message.hasReminders)
    #expect(try !create(#"{"title":"t","reminders":null}"#).message.hasReminders)
    #expect(try !create(#"{"title":"t"}"#).message.hasReminders)
    let eleven = Array(repeating: "1", count: 11).joined(separator: ",")
    for bad in ["60", "\"60\"", "[\"60\"]", "[1.5]", "[null]", "[99999999999]", "[\(eleven)]"] {
      let refused = try create("{\"title\":\"t\",\"reminders\":\(bad)}").violations.reasons
      #expect(refused.keys.sorted() == ["reminders"], "\(bad)")
    }
  }

  @Test func `of PUT hands a task on only when it says so`() throws {
    let decoded = try update("PUT", "{\"title\":\"t\",\"user_id\":\"u\"}")
    #expect(decoded.message.updateMask.names.contains("user_id"))
  }

  @Test(
    arguments: [
      ("{}", []), ("{\"title\":\"t\"}", ["title"]), ("{\"description\":null}", ["description"]),
      ("{\"due_date\":null,\"status\":\"COMPLETED\"}", ["due_date", "status"]),
      ("{\"user_id\":\"u\"}", ["user_id"]),
    ] as [(String, [String])]
  )
  func `of PATCH changes what it gives, null included`(body: String, mask: [String]) throws {
    let decoded = try update("PATCH", body)
    #expect(decoded.violations.reasons == [:])
    #expect(decoded.message.hasUpdateMask)
    #expect(decoded.message.updateMask.names.sorted() == mask)
    #expect(!decoded.message.hasDescription_p)
    #expect(!decoded.message.hasDueDate)
  }

  @Test(arguments: [
    ("PUT", ["email", "full_name", "time_zone", "username"]), ("PATCH", ["full_name"]),
  ])
  func `about a user leaves password and role alone unless they are given`(
    method: String,
    mask: [String]
  ) throws {
    func update(_ body: String) throws -> UpdateUserRequest {
      let decoded: Decoded<UpdateUserRequest> = try RESTDecoder.decode(
        request(method, "/api/v1/users/7", body: body),
        route: Routes.updateUser
      )
      #expect(decoded.violations.reasons == [:])
      return decoded.message
    }
    #expect(try update("{\"full_name\":null}").updateMask.names.sorted() == mask)
    let more = try update(
      "{\"full_name\":\"n\",\"password\":\"p\",\"current_password\":\"c\",\"role\":\"ADMIN\"}"
    )
    #expect(more.updateMask.names.sorted() == (mask + ["password", "role"]).sorted())
    #expect(more.currentPassword == "c")
    #expect(more.role == .admin)
  }

  @Test(arguments: ["update_mask", "expected_version", "version", "created_at", "status_"])
  func `cannot give what only the system sets`(name: String) throws {
    #expect(
      try update("PATCH", "{\"\(name)\":\"1\"}").violations.reasons == [
        name: "is not a field of this request"
      ]
    )
  }

  // MARK: - If-Match

  /// A weak tag names the same version: the gateway makes tags weak when it compresses.
  @Test(
    arguments: [("\"3\"", 3), ("W/\"3\"", 3), ("\"9223372036854775807\"", Int64.max), ("*", nil)]
      as [(String, Int64?)]
  )
  func `names the version that it wants to change`(tag: String, version: Int64?) throws {
    let decoded = try update("PATCH", "{}", ["HTTP_IF_MATCH": tag])
    #expect(decoded.violations.reasons == [:])
    #expect(decoded.message.hasExpectedVersion == (version != nil))
    #expect(decoded.message.expectedVersion == version ?? 0)
  }

  @Test func `need not name a version`() throws {
    #expect(try !update("PATCH", "{}").message.hasExpectedVersion)
  }

  @Test(arguments: [
    "3", "\"", "\"\"", "\"x\"", "\"3", "3\"", "\"3\", \"4\"", "\"1.0\"", "\"9223372036854775808\"",
    "'3'", "W/3", "w/\"3\"", "W/W/\"3\"", "\"3\"W/", "**", "W/*", "\"\u{0}\"", "\"٣\"",
  ])
  func `reports an If-Match that names no version`(tag: String) throws {
    #expect(
      try update("PUT", "{\"title\":\"t\"}", ["HTTP_IF_MATCH": tag]).violations.reasons.keys
        .sorted() == ["If-Match"]
    )
  }
}

struct `The Authorization header` {
  private func token(_ header: String?) throws -> String? {
    try request("GET", "/", header.map { ["HTTP_AUTHORIZATION": $0] } ?? [:]).bearerToken()
  }

  @Test(arguments: [
    ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER abc", "abc"), ("Bearer  abc", "abc"),
  ])
  func `has a token`(header: String, token: String) throws {
    #expect(try self.token(header) == token)
  }

  @Test func `need not be there`() throws {
    #expect(try token(nil) == nil)
    #expect(try token("") == nil)
  }

  @Test(arguments: ["Basic YTpi", "Bearer", "Bearer ", "abc", "Bearerabc", "Token abc", " "])
  func `has nothing else`(header: String) throws {
    #expect(try problem { try token(header) }.code == .unauthenticated)
  }
}

struct `The gateway's own question` {
  private func ask(_ check: String, _ authorization: String?) throws
    -> Decoded<SessionQuestion>
  {
    var variables = ["SESSION_CHECK": check]
    variables["HTTP_AUTHORIZATION"] = authorization
    return try RESTDecoder.decode(
      request("GET", "/internal/check-session", variables),
      route: Route(.get, path: "/internal/check-session", rpc: nil)
    )
  }

  @Test(arguments: ["token", "session"])
  func `is about the token that the client sent`(check: String) throws {
    let decoded = try ask(check, "Bearer abc")
    #expect(decoded.message.token == "abc")
    #expect(decoded.violations.isEmpty)
  }

  @Test(arguments: [nil, "Basic YTpi"])
  func `is about none when there is none`(authorization: String?) throws {
    #expect(try ask("session", authorization).message.token == "")
  }

  @Test func `cannot be asked by a client`() throws {
    let problem = try problem {
      try RESTDecoder.decode(
        request("GET", "/api/v1/auth/validate", ["HTTP_SESSION_CHECK": "session"]),
        route: Routes.validate,
        as: ValidateTokenRequest.self
      )
    }
    #expect(problem.code == .methodNotAllowed)
  }

  @Test func `is not what a client's own is, which needs a token`() throws {
    let decoded: Decoded<ValidateTokenRequest> = try RESTDecoder.decode(
      request("POST", "/api/v1/auth/validate", body: "{}", ["HTTP_AUTHORIZATION": "Bearer abc"]),
      route: Routes.validate
    )
    #expect(decoded.violations.reasons == ["token": "is required"])
  }
}

struct `A question for the state of the system` {
  @Test func `names what it is about in the path and the query`() throws {
    let health = Route(.get, path: "/health/{probe}", rpc: nil)
    let decoded: Decoded<ProbeRequest> = try RESTDecoder.decode(
      request("GET", "/health/ready?service=task"),
      route: health
    )
    #expect(decoded.message.probe == "ready")
    #expect(decoded.message.service == "task")
  }
}
