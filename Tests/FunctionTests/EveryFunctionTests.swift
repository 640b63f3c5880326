import API
import Endpoint
import Foundation
import JSON
import Testing
import Values
import Wire

/// Behaviour that all functions share.
struct EveryFunctionTests {
  /// A function, without its messages' types.
  struct Function {
    let name: String
    let route: Route
    let access: Access
    /// Makes a gRPC call with the bytes of a body.
    let call:
      (_ body: [UInt8], _ token: String?, _ headers: [String: String]) throws -> (
        status: RPCStatus, code: Problem.Code?, headers: [String: String]
      )
    /// Sends a REST request.
    let send: (_ method: String, _ path: String, _ more: Request) throws -> Answer

    init<F>(_ make: @autoclosure () throws -> Door<F>) throws {
      let door = try make()
      name = "\(F.self)"
      route = F.route
      access = F.access
      call = { body, token, headers in
        let answer = try door.rpc(body: body, token: token, headers: headers)
        return (answer.status, answer.code, answer.headers)
      }
      send = { method, path, more in
        try door.rest(
          method,
          path,
          json: more.json,
          token: more.token,
          headers: more.headers,
          authorizations: more.authorizations,
          isTooLarge: more.isTooLarge
        )
      }
    }

    /// A path of the function, perhaps of a resource that does not exist.
    var path: String {
      route.path.replacing("{probe}", with: "live")
        .replacing(/\{\w+\}/, with: "00000000-0000-7000-8000-000000000000")
    }

    var method: String { route.methods.first?.rawValue ?? "" }
    var hasBody: Bool { route.readsBody && method != "GET" && method != "DELETE" }

    func send(_ more: Request) throws -> Answer { try send(method, path, more) }
  }

  /// The other parts of a request.
  struct Request {
    var json: String?
    var token: String?
    var headers: [String: String] = [:]
    var authorizations: Int?
    var isTooLarge = false
  }

  let fixture: Fixture
  let functions: [Function]

  init() throws {
    fixture = try Fixture()
    functions = try Self.functions(of: fixture)
  }

  /// The functions that have a REST path.
  var restFunctions: [Function] { functions.filter { !$0.route.methods.isEmpty } }

  /// The functions that have a gRPC method.
  var rpcFunctions: [Function] { functions.filter { $0.route.rpc != nil } }

  /// The functions that nobody may call without a token.
  var guarded: [Function] {
    functions.filter { $0.access != .anyone && $0.access != .anyoneKnownOrNot }
  }

  /// A token of a caller who may call.
  func token(for function: Function) throws -> String {
    let isForServices = function.access == .roles([.service])
    return try fixture.stranger(isForServices ? .service : .admin).token
  }

  @Test func `each is a folder, and has a method of its own`() throws {
    let folders = try ["User", "Auth", "Task", "Notification", "Operations"].flatMap {
      try FileManager.default.contentsOfDirectory(atPath: Repository.path("Functions/\($0)"))
    }
    #expect(
      Set(functions.map(\.name))
        == Set(folders).subtracting(["Migrate", "CreateAdmin", "CheckSettings", "GenerateBindings"])
    )

    let rpcs = functions.compactMap(\.route.rpc)
    #expect(Set(rpcs).count == rpcs.count)
  }

  @Test func `without a token it is unauthenticated`() throws {
    #expect(guarded.count >= 23)
    for function in guarded {
      let answer = try function.send(Request(json: function.hasBody ? "{}" : nil))
      #expect(answer.code == .unauthenticated, "\(function.name)")
      #expect(
        answer.headers["WWW-Authenticate"] == "Bearer realm=\"task-management\"",
        "\(function.name)"
      )
    }
  }

  @Test func `with a token that is not valid it is TOKEN_INVALID, whatever else is wrong`() throws {
    let good = try fixture.stranger(.admin).token
    let tokens = ["x", good + ".", "Bearer " + good, String(repeating: "a", count: 100_000)]
    for function in guarded {
      for token in tokens {
        let answer = try function.send(Request(json: "{", token: token))
        #expect(answer.code == .tokenInvalid, "\(function.name) \(token.prefix(20))")
        #expect(
          answer.headers["WWW-Authenticate"]?.contains("invalid_token") == true,
          "\(function.name)"
        )
      }
      let basic = try function.send(Request(headers: ["HTTP_AUTHORIZATION": "Basic YTpi"]))
      #expect(basic.code == .unauthenticated, "\(function.name)")
      #expect(
        basic.headers["WWW-Authenticate"] == "Bearer realm=\"task-management\"",
        "\(function.name)"
      )
      let twice = try function.send(Request(token: good, authorizations: 2))
      #expect(twice.code == .tokenInvalid, "\(function.name)")
    }
  }

  @Test func `that anyone may call answers as if there were no token, whatever token there is`()
    throws
  {
    let open = functions.filter { $0.access == .anyone || $0.access == .anyoneKnownOrNot }
    #expect(open.count >= 9)
    let expired = try fixture.stranger(.admin).token
    fixture.clock.advance(seconds: 3600)
    for function in open where !function.route.methods.isEmpty {
      // `verify-token` and `check-session` are there to look at it.
      guard !function.route.path.hasPrefix("/internal/") else { continue }
      let json = function.hasBody ? "{}" : nil
      let without = try function.send(Request(json: json))
      for authorization in ["Bearer \(expired)", "Bearer a.b.c", "Bearer", "Basic YTpi", "x"] {
        let answer = try function.send(
          Request(json: json, headers: ["HTTP_AUTHORIZATION": authorization])
        )
        #expect(answer.body == without.body, "\(function.name) \(authorization)")
      }
      let twice = try function.send(Request(json: json, token: "a.b.c", authorizations: 2))
      #expect(twice.body == without.body, "\(function.name)")
    }
  }

  @Test func `with a token that has expired it says so`() throws {
    let token = try fixture.stranger(.admin).token
    fixture.clock.advance(seconds: 3600)
    for function in guarded {
      #expect(try function.send(Request(token: token)).code == .tokenExpired, "\(function.name)")
    }
  }

  @Test func `another method is not allowed, and those that are are named`() throws {
    let token = try fixture.stranger(.admin).token
    for function in restFunctions {
      let answer = try function.send("OPTIONS", function.path, Request(token: token))
      #expect(answer.status == 405, "\(function.name)")
      #expect(answer.code == .methodNotAllowed, "\(function.name)")
      let methods = function.route.methods.map(\.rawValue).joined(separator: ", ")
      #expect(answer.headers["Allow"] == methods, "\(function.name)")
    }
  }

  @Test func `another path is not found`() throws {
    let token = try fixture.stranger(.admin).token
    for function in restFunctions {
      for path in ["/", function.path + "/", function.path + "/x", "/api/v2/tasks"] {
        let answer = try function.send(function.method, path, Request(json: "{}", token: token))
        #expect(answer.code == .notFound, "\(function.name) \(path)")
      }
    }
  }

  @Test func `a body that was too large is refused`() throws {
    for function in restFunctions {
      let answer = try function.send(Request(isTooLarge: true))
      #expect(answer.status == 413, "\(function.name)")
      #expect(answer.code == .payloadTooLarge, "\(function.name)")
    }
  }

  @Test func `a body that is not JSON is refused, and it says where it breaks`() throws {
    let token = try fixture.stranger(.admin).token
    let bodies = restFunctions.filter(\.hasBody)
    #expect(bodies.count >= 11)
    for function in bodies {
      let answer = try function.send(Request(json: "{\n  \"a\": 1,\n}", token: token))
      #expect(answer.code == .malformedJSON, "\(function.name)")
      #expect(answer.details == ["line": "3", "column": "1", "offset": "12"], "\(function.name)")
      for json in [
        "", "[]", "null", "\"a\"", "{} {}", "{\"a\": 1, \"a\": 2}", "{\"a\": \"\\ud800\"}",
      ] {
        let answer = try function.send(Request(json: json, token: token))
        #expect(answer.code == .malformedJSON, "\(function.name) \(json)")
      }
      for type in ["", "text/plain", "application/json; charset=latin1", "application/jsonx"] {
        let answer = try function.send(
          Request(json: "{}", token: token, headers: ["CONTENT_TYPE": type])
        )
        #expect(answer.status == 415, "\(function.name) \(type)")
      }
      let packed = try function.send(
        Request(json: "\u{1F}", token: token, headers: ["HTTP_CONTENT_ENCODING": "gzip"])
      )
      #expect(packed.code == .unsupportedEncoding, "\(function.name)")
      #expect(packed.headers["Accept-Encoding"] == "identity", "\(function.name)")
    }
  }

  @Test func `a call that is not one whole message is malformed, and says how`() throws {
    for function in rpcFunctions {
      let token = try token(for: function)
      for body: [UInt8] in [
        [0], [0, 0, 0, 0], [2, 0, 0, 0, 0], [0, 0, 0, 0, 3, 1], [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0xFF], [0, 0, 0, 0, 4, 10, 200, 1, 1],
      ] {
        let answer = try function.call(body, token, [:])
        #expect(answer.code == .malformedMessage, "\(function.name) \(body)")
        #expect(answer.status == .internal, "\(function.name) \(body)")
        #expect(answer.headers["X-Grpc-Message"]?.isEmpty == false, "\(function.name) \(body)")
      }
      guard !function.route.streams else { continue }
      for body: [UInt8] in [[], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        #expect(try function.call(body, token, [:]).code == .malformedMessage, "\(function.name)")
      }
    }
  }

  @Test func `a compressed call is not understood, and says what is`() throws {
    for function in rpcFunctions {
      let token = try token(for: function)
      let answer = try function.call(frame([1, 2], flag: 1), token, ["HTTP_GRPC_ENCODING": "gzip"])
      #expect(answer.status == .unimplemented, "\(function.name)")
      #expect(answer.code == .unsupportedEncoding, "\(function.name)")
      #expect(answer.headers["Grpc-Accept-Encoding"] == "identity", "\(function.name)")
    }
  }

  @Test func `a call of more than a mebibyte exhausts what there is`() throws {
    for function in rpcFunctions {
      let token = try token(for: function)
      let answer = try function.call([0, 0, 16, 0, 1], token, [:])
      #expect(answer.status == .resourceExhausted, "\(function.name)")
      #expect(answer.code == .payloadTooLarge, "\(function.name)")
    }
  }

  @Test func `a call without a token, or with an invalid one, is unauthenticated`() throws {
    for function in guarded {
      #expect(try function.call(frame([]), nil, [:]).code == .unauthenticated, "\(function.name)")
      let bad = try function.call(frame([]), "x", [:])
      #expect(bad.code == .tokenInvalid, "\(function.name)")
      #expect(bad.status == .unauthenticated, "\(function.name)")
    }
  }

  @Test func `a call whose caller has given up by the time its turn comes does nothing`() throws {
    let token = try fixture.stranger(.admin).token
    let seconds = fixture.clock.now.seconds
    for function in rpcFunctions {
      for (timeout, headers) in [
        ("0m", [:]), ("50m", ["GATEWAY_SECONDS": "0.060"]),
        ("1S", ["GATEWAY_TIME": "\(seconds - 2).500"]),
      ] as [(String, [String: String])] {
        let answer = try function.call(
          frame([]),
          token,
          headers.merging(["HTTP_GRPC_TIMEOUT": timeout]) { $1 }
        )
        #expect(answer.code == .deadlineExceeded, "\(function.name) \(timeout)")
      }
      let malformed = try function.call(frame([]), token, ["HTTP_GRPC_TIMEOUT": "soon"])
      #expect(malformed.code == .invalidArgument, "\(function.name)")
    }
  }

  @Test func `a caller who waits for a shorter time than we do has the database's answer by then`()
    throws
  {
    let server = SilentServer()
    defer { withExtendedLifetime(server) {} }
    let hurried = try Fixture(settings: ["DATABASE_URL": server.url], keys: fixture.keys)
    let token = try fixture.stranger(.admin).token

    let (answer, seconds) = try timed {
      try hurried.listTasks.rpc([.init()], token: token, headers: ["HTTP_GRPC_TIMEOUT": "150m"])
    }
    #expect(answer.status == .deadlineExceeded)
    #expect((0.1...0.6).contains(seconds))
  }

  @Test func `a field that it does not have is refused by name`() throws {
    let token = try fixture.stranger(.admin).token
    for function in restFunctions {
      let answer =
        function.hasBody
        ? try function.send(Request(json: #"{"no_such_field": null}"#, token: token))
        : try function.send(
          function.method,
          function.path + "?no_such_field=1",
          Request(token: token)
        )
      #expect(answer.code == .invalidArgument, "\(function.name)")
      #expect(answer.details["no_such_field"] != nil, "\(function.name)")
    }
  }

  @Test func `without its database it is unavailable, and says no more`() throws {
    let nowhere = try Fixture(
      settings: ["DATABASE_URL": "postgresql://me@/x?host=/nowhere"],
      keys: fixture.keys
    )
    let id = fixture.id().text
    let token = try fixture.stranger(.admin).token
    let session = try fixture.signIn(fixture.user())
    let answers = [
      try nowhere.createUser.rest(
        "POST",
        "/api/v1/users",
        json: #"{"username": "ada", "email": "a@b.de", "password": "12345678"}"#
      ),
      try nowhere.getUser.rest("GET", "/api/v1/users/\(id)", token: token),
      try nowhere.updateUser.rest("PATCH", "/api/v1/users/\(id)", json: "{}", token: token),
      try nowhere.deleteUser.rest("DELETE", "/api/v1/users/\(id)", token: token),
      try nowhere.listUsers.rest("GET", "/api/v1/users", token: token),
      try nowhere.login.rest(
        "POST",
        "/api/v1/auth/login",
        json: #"{"username": "ada", "password": "12345678"}"#
      ),
      try nowhere.refreshToken.rest(
        "POST",
        "/api/v1/auth/refresh",
        json: #"{"refresh_token": "\#(session.refreshToken)"}"#
      ),
      try nowhere.logout.rest(
        "POST",
        "/api/v1/auth/logout",
        json: #"{"refresh_token": "\#(session.refreshToken)"}"#
      ),
      try nowhere.createTask.rest("POST", "/api/v1/tasks", json: #"{"title": "x"}"#, token: token),
      try nowhere.getTask.rest("GET", "/api/v1/tasks/\(id)", token: token),
      try nowhere.updateTask.rest("PATCH", "/api/v1/tasks/\(id)", json: "{}", token: token),
      try nowhere.deleteTask.rest("DELETE", "/api/v1/tasks/\(id)", token: token),
      try nowhere.listTasks.rest("GET", "/api/v1/tasks", token: token),
      try nowhere.listUserTasks.rest("GET", "/api/v1/users/\(id)/tasks", token: token),
    ]
    for answer in answers {
      #expect(answer.status == 503)
      #expect(answer.code == .unavailable)
      #expect(answer.headers["Retry-After"] == "1")
      #expect(!answer.body.contains("nowhere"))
    }
  }

  @Test func `a request that takes too long exceeds its deadline`() throws {
    let server = SilentServer()
    defer { withExtendedLifetime(server) {} }
    let hurried = try Fixture(
      settings: ["DATABASE_URL": server.url, "REQUEST_DEADLINE_MS": "100"],
      keys: fixture.keys
    )
    let token = try fixture.stranger(.admin).token

    let (answer, seconds) = try timed {
      try hurried.listTasks.rest("GET", "/api/v1/tasks", token: token)
    }
    #expect(answer.status == 504)
    #expect(answer.code == .deadlineExceeded)
    #expect(answer.headers["Retry-After"] == "1")
    #expect((0.1...0.5).contains(seconds))
  }

  @Test func `each request is one line of the log, with the cause that its answer keeps to itself`()
    throws
  {
    let folder = TemporaryFolder()
    let file = folder.path + "/log"
    let logged = try Fixture(
      settings: [
        "LOG_FILE": file, "LOG_LEVEL": "info", "DATABASE_URL": "postgresql://me@/x?host=/nowhere",
      ])
    let ada = try logged.stranger()
    let answer = try logged.listTasks.rest("GET", "/api/v1/tasks", token: ada.token)
    _ = try logged.listTasks.rest("GET", "/api/v1/tasks?page_size=0", token: ada.token)
    _ = try logged.listTasks.rpc(
      [.init()],
      token: ada.token,
      headers: [
        "HTTP_GRPC_TIMEOUT": "0m",
        "HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      ]
    )

    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 3)
    guard case .object(let line)? = try lines.first.map({ try JSONValue(parsing: Array($0.utf8)) })
    else {
      Issue.record("not an object: \(lines)")
      return
    }
    #expect(line["request_id"] == .string("r-1"))
    #expect(line["status"] == .number("503"))
    #expect(line["user_id"] == .string(ada.id.text))
    #expect(line["error"] == .string("UNAVAILABLE"))
    #expect(line["cause"]?.string?.contains("/nowhere") == true)
    #expect(!answer.body.contains("/nowhere"))
    #expect(line["level"] == .string("error"))
    // A caller's short deadline is not an error of ours.
    #expect(lines[2].contains(#""level":"info""#))
    #expect(lines[2].contains(#""trace_id":"0af7651916cd43dd8448eb211c80319c""#))
    #expect(lines[2].contains(#""rpc":"task.v1.TaskService/ListTasks","grpc_status":4"#))
    #expect(lines[1].contains("INVALID_ARGUMENT"))
    #expect(!lines.joined().contains(ada.token))
  }

  @Test func `everything works behind a pooler that does not support prepared statements`() throws {
    let pooled = try Fixture(settings: ["PREPARED_STATEMENTS": "off"])
    let ada = try pooled.user()
    let tokens = try pooled.signIn(ada)
    let next = try pooled.refreshToken(.with { $0.refreshToken = tokens.refreshToken })
    let task = try pooled.createTask(.with { $0.title = "Paint" }, as: ada.caller)

    #expect(
      try pooled.updateTask(.with { ($0.id, $0.status) = (task.id, .completed) }, as: ada.caller)
        .version == 2
    )
    #expect(
      try pooled.listTasks(.with { $0.status = [.completed] }, as: ada.caller).tasks.count == 1
    )
    #expect(
      try pooled.validateToken(.with { $0.token = next.accessToken }).username == ada.username
    )
    try pooled.deleteTask(.with { $0.id = task.id }, as: ada.caller)
    try pooled.logout(.with { $0.refreshToken = next.refreshToken })
    try pooled.deleteUser(.with { $0.id = ada.id.text }, as: ada.caller)
    #expect(try pooled.row(ofUser: ada.id) == nil)
  }
}
