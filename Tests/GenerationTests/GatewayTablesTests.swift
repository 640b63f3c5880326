import Foundation
import Generation
import Testing

@testable import Contract

/// A table of nginx (`map`): what its regular expressions, tried in order, make of a text.
private struct Table {
  private let rows: [(pattern: String, value: String)]

  init(_ lines: [String]) {
    rows = lines.compactMap { line in
      let parts = line.trimmingCharacters(in: .whitespaces).split(separator: "\"")
      guard parts.count >= 2 else { return nil }
      let value = parts.dropFirst().joined().trimmingCharacters(in: .init(charactersIn: " ;"))
      return (String(parts[0]), value)
    }
  }

  /// The value of a text; plain texts come before patterns. Source: nginx, `map`.
  subscript(text: String) -> String? {
    if let row = rows.first(where: { $0.pattern == text }) { return row.value }
    return rows.first { row in
      // `NSRegularExpression` and PCRE agree on what these patterns have.
      row.pattern.hasPrefix("~")
        && text.range(of: String(row.pattern.dropFirst()), options: .regularExpression) != nil
    }?.value
  }

  /// The number of patterns that a text fits.
  func matches(_ text: String) -> Int {
    rows.count { row in
      row.pattern.hasPrefix("~")
        && text.range(of: String(row.pattern.dropFirst()), options: .regularExpression) != nil
    }
  }
}

struct `The gateway's table of routes` {
  private func routes(_ functions: FunctionDescription...) throws -> Table {
    var all = try registry()
    all.functions = functions
    return Table(try GatewayTables(all).files().lines("routes"))
  }

  @Test func `leads a method and a path to a function, with and without the version`() throws {
    let routes = try routes(function("get-order", ["GET"], "/api/v1/orders/{id}"))
    #expect(routes["GET /api/v1/orders/1"] == "get-order")
    #expect(routes["GET /api/orders/1"] == "get-order")
    for other in [
      "POST /api/v1/orders/1", "GET /api/v1/orders", "GET /api/v1/orders/", "GET /api/v2/orders/1",
      "GET /api/v1/orders/1/", "GET /api/v1/orders/1/x", "XGET /api/v1/orders/1", "GET /orders/1",
    ] {
      #expect(routes[other] == nil, "\(other)")
    }
  }

  @Test func `has HEAD with every GET, and with nothing else`() throws {
    let routes = try routes(
      function("get-order", ["GET"], "/api/v1/orders/{id}"),
      function("update-order", ["PUT", "PATCH"], "/api/v1/orders/{id}"),
      function("place-order", ["POST"], "/api/v1/orders")
    )
    #expect(routes["HEAD /api/v1/orders/1"] == "get-order")
    #expect(routes["PUT /api/v1/orders/1"] == "update-order")
    #expect(routes["PATCH /api/v1/orders/1"] == "update-order")
    #expect(routes["POST /api/v1/orders"] == "place-order")
    #expect(routes["HEAD /api/v1/orders"] == nil)
  }

  @Test func `takes a word at the end of a path for no value`() throws {
    let routes = try routes(
      function("get-order", ["GET"], "/api/v1/orders/{id}"),
      function("send-order", ["POST"], "/api/v1/orders/by-mail"),
      function("list-late-orders", ["GET"], "/api/v1/orders/late")
    )
    #expect(routes["GET /api/v1/orders/late"] == "list-late-orders")
    #expect(routes["POST /api/v1/orders/by-mail"] == "send-order")
    #expect(routes["GET /api/v1/orders/by-mail"] == nil)
    #expect(routes["GET /api/v1/orders/later"] == "get-order")
    #expect(routes["GET /api/v1/orders/by-mai"] == "get-order")
  }

  @Test func `takes a word in the middle of a path for no value, but only where it is one`() throws
  {
    let routes = try routes(
      function("list-items", ["GET"], "/api/v1/orders/{id}/items"),
      function("list-my-items", ["GET"], "/api/v1/orders/mine/items"),
      function("get-order-part", ["GET"], "/api/v1/orders/{id}/{part}"),
      function("list-my-prices", ["GET"], "/api/v1/orders/mine/prices")
    )
    #expect(routes["GET /api/v1/orders/1/items"] == "list-items")
    #expect(routes["GET /api/v1/orders/mine/items"] == "list-my-items")
    #expect(routes["GET /api/v1/orders/mine/prices"] == "list-my-prices")
    // Here `mine` and `prices` are values like any others.
    #expect(routes["GET /api/v1/orders/mine/colours"] == "get-order-part")
    #expect(routes["GET /api/v1/orders/1/prices"] == "get-order-part")
    for path in ["1/items", "mine/items", "mine/prices", "mine/colours", "1/prices"] {
      #expect(routes.matches("GET /api/v1/orders/\(path)") == 1, "\(path)")
    }
  }

  @Test func `prefers the path whose word comes first`() throws {
    let routes = try routes(
      function("get-part", ["GET"], "/api/v1/{kind}/mine"),
      function("get-order", ["GET"], "/api/v1/orders/{id}")
    )
    #expect(routes["GET /api/v1/orders/mine"] == "get-order")
    #expect(routes["GET /api/v1/bills/mine"] == "get-part")
    #expect(routes["GET /api/v1/orders/1"] == "get-order")
    #expect(routes.matches("GET /api/v1/orders/mine") == 1)
  }

  @Test func `takes only the values that there can be`() throws {
    let probe = field("probe") { $0.values = ["live", "is.ready"] }
    let routes = try routes(
      function("health", ["GET"], "/health/{probe}", fields: [probe]),
      function("show", ["GET"], "/health/all")
    )
    #expect(routes["GET /health/live"] == "health")
    #expect(routes["GET /health/is.ready"] == "health")
    #expect(routes["GET /health/all"] == "show")
    for other in ["lives", "alive", "is-ready", "live/", ""] {
      #expect(routes["GET /health/\(other)"] == nil, "\(other)")
    }
  }

  @Test func `takes a dot for a dot`() throws {
    let routes = try routes(function("get-file", ["GET"], "/api/v1/orders.json"))
    #expect(routes["GET /api/v1/orders.json"] == "get-file")
    #expect(routes["GET /api/v1/ordersXjson"] == nil)
  }

  @Test func `leads a gRPC method, and its older name, to a function`() throws {
    var reflect = function("reflect", rpc: "shop.v1.Reflection/Ask")
    reflect.rpcAlias = "shop.v1alpha.Reflection/Ask"
    let routes = try routes(reflect)
    #expect(routes["POST /shop.v1.Reflection/Ask"] == "reflect")
    #expect(routes["POST /shop.v1alpha.Reflection/Ask"] == "reflect")
    #expect(routes["GET /shop.v1.Reflection/Ask"] == nil)
  }

  @Test func `has nothing of what only the gateway calls`() throws {
    let files = try GatewayTables(
      registry(function("check", ["GET"], "/internal/check", callers: ["ANYONE"]))
    ).files()
    for name in ["routes", "methods", "rpcs", "open"] {
      #expect(files.lines(name).isEmpty, "\(name)")
    }
    #expect(!files.lines("limits").joined().contains("check"))
  }
}

struct `The gateway's table of methods` {
  private func methods(_ functions: FunctionDescription...) throws -> Table {
    var all = try registry()
    all.functions = functions
    return Table(try GatewayTables(all).files().lines("methods"))
  }

  @Test func `has all methods of a path, and at which services it is`() throws {
    let methods = try methods(
      function("get-order", ["GET"], "/api/v1/orders/{id}"),
      function("update-order", ["PUT", "PATCH"], "/api/v1/orders/{order_id}"),
      function("delete-order", ["DELETE"], "/api/v1/orders/{id}"),
      function("health", ["GET"], "/health/live", service: "health")
    )
    let all = "GET, HEAD, PUT, PATCH, DELETE"
    #expect(methods["shop /api/v1/orders/1"] == all)
    // The port of all services.
    #expect(methods[" /api/orders/1"] == all)
    #expect(methods["bank /api/v1/orders/1"] == nil)
    #expect(methods["bank /health/live"] == "GET, HEAD")
    #expect(methods[" /health/live"] == "GET, HEAD")
  }

  @Test func `has no path that belongs to two services, and no method of two functions`() throws {
    let path = "/api/v1/orders/{id}"
    let services = #expect(throws: ContractError.self) {
      try methods(
        function("get-order", ["GET"], path),
        function("pay-order", ["PUT"], path, service: "bank")
      )
    }
    #expect(services?.description == "\(path) has functions of two services")
    let functions = #expect(throws: ContractError.self) {
      try methods(
        function("get-order", ["GET"], path),
        function("show-order", ["GET"], "/api/v1/orders/{order}")
      )
    }
    #expect(
      functions?.description
        == "a method of /api/v1/orders/{order} is answered by two functions"
    )
  }
}

struct `The gateway's table of gRPC methods` {
  @Test func `has each at the port of its service, and those of gRPC itself at all`() throws {
    let files = try GatewayTables(
      registry(
        function("get-order", rpc: "shop.v1.Shop/GetOrder"),
        function("place-order", rpc: "shop.v1.Shop/PlaceOrder"),
        function("pay", service: "bank", rpc: "shop.v1.Shop/Pay"),
        function("check-health", service: "health", rpc: "grpc.health.v1.Health/Check")
      )
    ).files()
    let table = Table(files.lines("rpcs"))
    for port in ["", "shop"] {
      #expect(table["\(port) /shop.v1.Shop/GetOrder"] == "$uri")
      #expect(table["\(port) /shop.v1.Shop/PlaceOrder"] == "$uri")
    }
    #expect(table["bank /shop.v1.Shop/GetOrder"] == nil)
    #expect(table["bank /shop.v1.Shop/Pay"] == "$uri")
    #expect(table["shop /shop.v1.Shop/Pay"] == nil)
    #expect(table[" /shop.v1.Shop/Pay"] == "$uri")
    #expect(table[" /shopXv1.Shop/Pay"] == nil)
    for port in ["", "shop", "bank"] {
      #expect(table["\(port) /grpc.health.v1.Health/Check"] == "$uri")
    }
  }
}

struct `The gateway's table of those who need no session` {
  private func isOpen(_ request: String, _ function: FunctionDescription) throws -> Bool {
    try check(request, function) != nil
  }

  private func check(_ request: String, _ function: FunctionDescription) throws -> String? {
    var all = try registry()
    all.functions = [function]
    return Table(try GatewayTables(all).files().lines("open"))[request]
  }

  @Test func `has functions for anyone, whatever token there is`() throws {
    let open = function("login", ["POST"], "/api/v1/login", callers: ["ANYONE"])
    #expect(try isOpen("login:", open))
    #expect(try isOpen("login:Bearer x", open))
    #expect(try !isOpen("logins:", open))
  }

  @Test func `has functions that look at a token, which only learn what is wrong with it`() throws {
    let both = function("join", ["POST"], "/api/v1/join", callers: ["ANYONE_OR_SIGNED_IN"])
    #expect(try check("join:", both) == "skip")
    #expect(try check("join:Bearer x", both) == "note")
    #expect(try !isOpen("joins:Bearer x", both))
  }

  @Test func `has nothing where everybody must sign in: not even requests that lead nowhere`()
    throws
  {
    #expect(try !isOpen(":", function("get-order", ["GET"], "/api/v1/orders/{id}")))
    #expect(try !isOpen("get-order:", function("get-order", ["GET"], "/api/v1/orders/{id}")))
  }
}

struct `The gateway's limits` {
  private static let usual = function("get-order", ["GET"], "/api/v1/orders/{id}")

  private func limit(_ name: String, callers: Bool = false, alone: Bool = false) -> RateLimit {
    RateLimit(name: name, perSecond: 5, burst: 20, countsCallers: callers, isAlone: alone)
  }

  /// The key by which a function's requests are counted: the value of a variable; `nil` for the default.
  private func key(_ variable: String, of function: String, _ functions: FunctionDescription...)
    throws -> String?
  {
    var all = try registry()
    all.functions = functions
    let lines = try GatewayTables(all).files().lines("limits")
    let start = try #require(
      lines.firstIndex { $0.hasPrefix("map ") && $0.contains(" \(variable) {") }
    )
    if lines[start].hasSuffix("}") {
      let inside = lines[start].split(separator: "{")[1].split(separator: ";")
      return Table(inside.map { $0 + ";" })["on \(function)"]
    }
    let rows = lines[start...].prefix { $0 != "}" }.dropFirst()
    let table = Table(Array(rows))
    #expect(table["off \(function)"] == "")
    return table["on \(function)"]
  }

  @Test func `count the requests of most by the caller and by the address`() throws {
    // Without a row of its own, what the table says by default.
    #expect(try key("$key_requests", of: "get-order", Self.usual) == nil)
    #expect(try key("$key_address", of: "get-order", Self.usual) == nil)
    #expect(try key("$key_address", of: "", Self.usual) == nil)
  }

  @Test func `count by the address alone where no token is looked at`() throws {
    let open = function("login", ["POST"], "/api/v1/login", callers: ["ANYONE"])
    #expect(try key("$key_requests", of: "login", open, Self.usual) == "$binary_remote_addr")
    #expect(try key("$key_requests", of: "get-order", open, Self.usual) == nil)
  }

  @Test func `do not count by the caller where services call, or where a narrower limit holds`()
    throws
  {
    let service = function("forget", rpc: "shop.v1.Shop/Forget", callers: ["SERVICE"])
    #expect(try key("$key_requests", of: "forget", service) == "")
    #expect(try key("$key_address", of: "forget", service) == nil)

    let narrow = function("join", ["POST"], "/api/v1/join", limit: limit("join"))
    #expect(try key("$key_requests", of: "join", narrow) == "")
    #expect(try key("$key_join", of: "join", narrow) == "$binary_remote_addr")
    #expect(try key("$key_address", of: "join", narrow) == nil)
  }

  @Test func `count by the caller as well where the narrower limit does`() throws {
    let narrow = function("pay", ["POST"], "/api/v1/pay", limit: limit("pay", callers: true))
    #expect(try key("$key_pay", of: "pay", narrow) == "$caller")
    #expect(try key("$key_requests", of: "pay", narrow) == nil)
  }

  @Test func `are no others where one holds alone`() throws {
    let alone = function(
      "health",
      ["GET"],
      "/health/live",
      callers: ["ANYONE"],
      limit: limit("health", alone: true)
    )
    #expect(try key("$key_address", of: "health", alone, Self.usual) == "")
    #expect(try key("$key_address", of: "get-order", alone, Self.usual) == nil)
    #expect(try key("$key_requests", of: "health", alone, Self.usual) == "")
  }

  @Test func `are one where functions share it`() throws {
    let shared = [
      function("a", ["GET"], "/api/v1/a", limit: limit("read-all")),
      function("b", ["GET"], "/api/v1/b", limit: limit("read-all")),
    ]
    for name in ["a", "b"] {
      #expect(try key("$key_read_all", of: name, shared[0], shared[1]) == "$binary_remote_addr")
    }
    let lines = try GatewayTables(registry(shared[0], shared[1])).files().lines("limits")
    #expect(
      lines.filter { $0.hasPrefix("limit_req") } == [
        "limit_req_zone $key_read_all zone=read-all:4m rate=5r/s;",
        "limit_req zone=read-all burst=20 nodelay;",
      ]
    )
    #expect(lines.contains("    b read-all;"))
  }
}

struct `The gateway's answers` {
  @Test func `need codes that the contract has`() throws {
    var all = try registry()
    all.answers.removeAll { $0.code == "UNAVAILABLE" }
    let error = #expect(throws: ContractError.self) { try GatewayTables(all).files() }
    #expect(error?.description == "there is no code UNAVAILABLE")
  }

  @Test func `say what the contract says`() throws {
    var all = try registry()
    let place = try #require(all.answers.firstIndex { $0.code == "UNAVAILABLE" })
    all.answers[place].message = "come back later"
    let lines = try GatewayTables(all).files().lines("texts")
    #expect(lines.contains("map \"\" $text_unavailable { default \"come back later\"; }"))
  }
}
