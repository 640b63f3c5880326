import Descriptors
import SwiftProtobuf
import Testing

@testable import Contract

struct `A contract that is read` {
  private let shop: Shop

  init() throws { shop = try Shop() }

  @Test func `has each method as a function, under the name in kebab case`() throws {
    let functions = try shop.registry().functions
    #expect(functions.map(\.function) == ["get-order", "place-order"])
    let order = functions[1]
    #expect(order.service == "shop")
    #expect(order.title == "orders")
    #expect(order.summary == "Places an order.")
    #expect(order.methods == ["POST"])
    #expect(order.path == "/api/v1/orders")
    #expect(order.rpc == "shop.v1.ShopService/PlaceOrder")
    #expect(order.callers == ["SIGNED_IN"])
    #expect(order.readsBody)
    #expect(!order.isInternal)
    #expect(order.messages.map(\.type) == ["shop.v1.PlaceOrderRequest", "shop.v1.Order"])
  }

  @Test func `has the same function answer several methods of one path`() throws {
    var shop = shop
    shop.file.service[0].method[1].options.Google_Api_http = .with {
      $0.put = "/api/v1/orders/{id}"
      $0.body = "*"
      $0.additionalBindings = [
        .with {
          $0.patch = "/api/v1/orders/{id}"
          $0.body = "*"
        }
      ]
    }
    shop.file.messageType[1] = Shop.message(
      "PlaceOrderRequest",
      Shop.field("id", isRequired: true)
    )
    #expect(try shop.registry().functions[1].methods == ["PUT", "PATCH"])
  }

  @Test(
    arguments: [
      (.anyone, []),
      (.anyoneOrSignedIn, ["TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED"]),
      (.signedIn, ["UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED"]),
      (
        .admin,
        [
          "UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED",
          "PERMISSION_DENIED",
        ]
      ),
    ] as [(Contract_V1_Caller, [String])]
  )
  func `refuses with the codes that follow from who may call, in the order of all codes`(
    caller: Contract_V1_Caller,
    codes: [String]
  ) throws {
    var shop = shop
    shop.endpoint {
      $0.callers = [caller]
      $0.problems = [.notFound]
    }
    let found = try shop.registry().functions[0].problems.map(\.code)
    let access: Set = [
      "UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED", "PERMISSION_DENIED",
    ]
    #expect(found.filter(access.contains) == codes)
    #expect(found.contains("NOT_FOUND"))
    #expect(found.contains("UNAVAILABLE"))
    // There is no body to be malformed.
    #expect(!found.contains("MALFORMED_JSON"))
  }

  @Test func `has methods of the gateway's own without a gRPC method`() throws {
    var shop = shop
    shop.file.service[0].options.Contract_V1_service.internal = true
    #expect(try shop.registry().functions.allSatisfy { $0.rpc == nil })
  }

  @Test func `has methods that gRPC defines`() throws {
    var shop = shop
    shop.file.options.Contract_V1_file.standardMethods = [Self.healthCheck]
    let check = try #require(shop.registry().functions.last)
    #expect(check.function == "check-shop")
    #expect(check.service == "shop")
    #expect(check.rpc == "grpc.health.v1.Health/Check")
    #expect(check.methods.isEmpty)
    #expect(check.request == "grpc.health.v1.HealthCheckRequest")
  }

  static let healthCheck = Contract_V1_Endpoint.with {
    $0.rpc = "grpc.health.v1.Health/Check"
    $0.function = "check-shop"
    $0.service = "shop"
    $0.summary = "Tells whether the shop is open."
    $0.callers = [.anyone]
    $0.smoke.json = "{}"
  }

  @Test func `gives a limit the function's name, unless it has one`() throws {
    var shop = shop
    shop.endpoint { $0.limit = .with { ($0.perSecond, $0.burst, $0.key) = (5, 20, .caller) } }
    let limit = try #require(shop.registry().functions[0].limit)
    #expect(limit.name == "get-order")
    #expect((limit.perSecond, limit.burst) == (5, 20))
    #expect(limit.countsCallers)
    #expect(!limit.isAlone)

    shop.endpoint { $0.limit.name = "reads" }
    #expect(try shop.registry().functions[0].limit?.name == "reads")
  }

  @Test func `takes bounds, format and example of a field from the one that it is like`() throws {
    var shop = shop
    shop.file.messageType[2] = Shop.message(
      "Order",
      Shop.field("id") { $0.format = "uuid" },
      Shop.field("text") {
        $0.characters = .with { ($0.min, $0.max) = (1, 20) }
        $0.example = "Tea"
        $0.default = "Milk"
      }
    )
    shop.file.messageType[1] = Shop.message(
      "PlaceOrderRequest",
      Shop.field("text") {
        $0.like = "shop.v1.Order.text"
        $0.example = "Coffee"
      },
      Shop.field("id") { $0.like = "shop.v1.Order.id" }
    )
    let request = try #require(shop.registry().message("shop.v1.PlaceOrderRequest"))
    let text = try #require(request.field("text"))
    #expect(text.characters == .init(min: 1, max: 20))
    #expect(text.example == "Coffee")
    #expect(text.defaultValue == nil)
    #expect(text.pattern == #"^[^\u0000]*$"#)
    #expect(request.field("id")?.format == "uuid")
    #expect(request.field("id")?.pattern == nil)
  }

  @Test func `joins the lines of a comment`() throws {
    var shop = shop
    shop.comments[0] = "Shows\n  an \"order\",\n\n and its text."
    #expect(try shop.registry().functions[0].summary == "Shows an \"order\", and its text.")
  }

  @Test func `keeps the rows of a table in a comment apart`() throws {
    var shop = shop
    shop.comments[0] =
      "Shows an order,\n as:\n | from | to |\n |---|---|\n | A | B |\n And\n no more."
    #expect(
      try shop.registry().functions[0].summary
        == "Shows an order, as:\n\n| from | to |\n|---|---|\n| A | B |\n\nAnd no more."
    )
  }

  @Test func `names its enumerations, and texts that there can be`() throws {
    var shop = shop
    shop.file.enumType = [
      .with {
        $0.name = "Status"
        $0.options.Contract_V1_enumeration.swiftName = "OrderStatus"
        $0.value = ["NONE", "OPEN", "SHIPPED"].enumerated().map { number, name in
          .with { ($0.name, $0.number) = (name, Int32(number)) }
        }
      }
    ]
    var status = Shop.field("status", .enum)
    status.typeName = ".shop.v1.Status"
    let order = Shop.field("order") { ($0.values, $0.valuesName) = (["asc", "desc"], "OrderBy") }
    shop.file.messageType[2] = Shop.message("Order", status, order)
    shop.file.messageType[1] = Shop.message(
      "PlaceOrderRequest",
      Shop.field("order") { $0.like = "shop.v1.Order.order" }
    )
    let functions = try shop.registry().functions
    #expect(
      functions[0].enumerations == [
        .init(
          type: "shop.v1.Status",
          name: "OrderStatus",
          comment: "",
          values: ["OPEN", "SHIPPED"]
        ),
        .init(type: "OrderBy", name: "OrderBy", comment: "", values: ["asc", "desc"]),
      ]
    )
    #expect(functions[1].messages[0].field("order")?.typeName == "OrderBy")
  }
}

struct `A contract that makes no sense` {
  private let shop: Shop

  init() throws { shop = try Shop() }

  /// The reason why the shop is refused when it is changed.
  private func reason(_ change: (inout Shop) throws -> Void) throws -> String? {
    var shop = shop
    try change(&shop)
    do {
      _ = try shop.registry()
      return nil
    } catch let error as ContractError {
      return error.description
    }
  }

  @Test func `is refused only when it is changed`() throws {
    #expect(try reason { _ in } == nil)
  }

  @Test func `names what a method lacks`() throws {
    let name = "shop.v1.ShopService/GetOrder"
    #expect(
      try reason { $0.file.service[0].options.clearContract_V1_service() }
        == "shop.v1.ShopService has no option contract.v1.service"
    )
    #expect(
      try reason { $0.file.service[0].method[0].options.clearContract_V1_endpoint() }
        == "\(name) has no option contract.v1.endpoint"
    )
    #expect(
      try reason { $0.comments[0] = "" } == "\(name) has no comment above it, or no summary"
    )
    #expect(
      try reason { $0.endpoint { $0.callers = [] } }
        == "\(name) does not say who may call it (callers)"
    )
    #expect(
      try reason { $0.endpoint { $0.clearSmoke() } } == "\(name) has no smoke request"
    )
    #expect(
      try reason { $0.endpoint { $0.callers = [.service] } }
        == "\(name) is for services, but names none"
    )
    #expect(
      try reason {
        $0.endpoint {
          $0.callers = [.service]
          $0.services = ["user"]
        }
      } == nil
    )
  }

  @Test func `names an option that has no such value`() throws {
    #expect(
      try reason { $0.endpoint { $0.problems = [.UNRECOGNIZED(999)] } }
        == "shop.v1.ShopService/GetOrder: contract.v1.Code has no value 999"
    )
    #expect(
      try reason { $0.endpoint { $0.callers = [.UNRECOGNIZED(99)] } }
        == "shop.v1.ShopService/GetOrder: contract.v1.Caller has no value 99"
    )
    // A code, but none that anything can be answered with.
    #expect(
      try reason { $0.endpoint { $0.problems = [.unspecified] } }
        == "shop.v1.ShopService/GetOrder: there is no code CODE_UNSPECIFIED"
    )
  }

  @Test func `has two paths, or none that HTTP knows`() throws {
    let name = "shop.v1.ShopService/GetOrder"
    #expect(
      try reason {
        $0.route { $0.additionalBindings = [.with { $0.get = "/api/v1/old-orders/{id}" }] }
      } == "\(name) has two paths; a function has one"
    )
    #expect(
      try reason { $0.route { $0.custom = .with { ($0.kind, $0.path) = ("LOCK", "/x") } } }
        == "\(name): google.api.http needs a method that HTTP knows"
    )
    for path in ["orders", "/orders/", "//orders", "/or\"ders", "/{id=users/*}", "/a:b", "/é"] {
      let reason = try reason {
        $0.route { $0.get = path }
        $0.endpoint { $0.callers = [.signedIn] }
      }
      #expect(reason == "get-order: '\(path)' is no path", "\(path)")
    }
  }

  @Test func `has a body where HTTP has none, or none where it has one`() throws {
    let name = "shop.v1.ShopService/GetOrder"
    #expect(try reason { $0.route { $0.body = "*" } } == "\(name): GET must have no body")
    #expect(
      try reason { $0.route { $0.post = "/api/v1/orders/{id}" } }
        == "\(name): POST must have body: \"*\""
    )
    #expect(
      try reason {
        $0.route {
          $0.post = "/api/v1/orders/{id}"
          $0.body = "text"
        }
      } == "\(name): POST must have body: \"*\""
    )
  }

  @Test func `has a value in its path that is no required string`() throws {
    let expected =
      "shop.v1.ShopService/GetOrder: {id} in the path is no required string of the request"
    for field in [
      Shop.field("number", isRequired: true), Shop.field("id"),
      Shop.field("id", .int32, isRequired: true),
    ] {
      #expect(
        try reason { $0.file.messageType[0] = Shop.message("GetOrderRequest", field) } == expected
      )
    }
  }

  @Test func `has a limit that lets nothing through, or that is two limits`() throws {
    let expected = "shop.v1.ShopService/GetOrder: a limit needs per_second and burst"
    #expect(try reason { $0.endpoint { $0.limit.perSecond = 5 } } == expected)
    #expect(try reason { $0.endpoint { $0.limit.burst = 5 } } == expected)
    // An invented token would be a new caller, with requests of its own.
    #expect(
      try reason {
        $0.endpoint {
          $0.callers = [.anyone]
          $0.limit = .with { ($0.perSecond, $0.burst, $0.key) = (1, 1, .caller) }
        }
      } == "shop.v1.ShopService/GetOrder: a limit by CALLER, but tokens are not looked at"
    )

    func limit(_ name: String, _ perSecond: UInt32) -> Contract_V1_Limit {
      .with { ($0.name, $0.perSecond, $0.burst) = (name, perSecond, 10) }
    }
    func two(_ first: Contract_V1_Limit, _ second: Contract_V1_Limit) throws -> String? {
      try reason {
        $0.endpoint { $0.limit = first }
        $0.file.service[0].method[1].options.Contract_V1_endpoint.limit = second
      }
    }
    #expect(try two(limit("orders", 5), limit("orders", 5)) == nil)
    #expect(
      try two(limit("orders", 5), limit("orders", 6))
        == "the limit orders is declared in two ways"
    )
    #expect(
      try two(limit("or ders", 5), limit("orders", 5))
        == "get-order: 'or ders' is no name of a limit"
    )
  }

  @Test func `has two methods for one function, or two functions for one method`() throws {
    #expect(
      try reason {
        $0.file.options.Contract_V1_file.standardMethods = [
          .with {
            $0 = `A contract that is read`.healthCheck
            $0.function = "get-order"
          }
        ]
      } == "two methods are answered by the function get-order"
    )
    #expect(
      try reason {
        $0.file.options.Contract_V1_file.standardMethods = ["a", "b"].map { name in
          .with {
            $0 = `A contract that is read`.healthCheck
            $0.function = name
          }
        }
      } == "grpc.health.v1.Health/Check is answered by two functions"
    )
  }

  @Test func `answers a method that gRPC does not define, or says too little of it`() throws {
    func reason(_ change: (inout Contract_V1_Endpoint) -> Void) throws -> String? {
      try self.reason { shop in
        var endpoint = `A contract that is read`.healthCheck
        change(&endpoint)
        shop.file.options.Contract_V1_file.standardMethods = [endpoint]
      }
    }
    #expect(try reason { _ in } == nil)
    for name in ["grpc.health.v1.Health/Nothing", "grpc.health.v1.Nothing/Check", "Check", ""] {
      #expect(
        try reason { $0.rpc = name } == "standard_methods: there is no method \(name)"
      )
    }
    #expect(
      try reason { $0.summary = "" }
        == "grpc.health.v1.Health/Check has no comment above it, or no summary"
    )
    #expect(try reason { $0.function = "Check" } == "Check: 'Check' is no name of a function")
    #expect(try reason { $0.function = "" } == ": '' is no name of a function")
    #expect(try reason { $0.service = "" } == "check-shop: '' is no name of a service")
    #expect(
      try reason { $0.rpcAlias = "grpc.health.v1/Che\"ck" }
        == "check-shop: 'grpc.health.v1/Che\"ck' is no gRPC method"
    )
  }

  @Test func `has a field like one that does not exist, or that is like another itself`() throws {
    func reason(_ like: String) throws -> String? {
      try self.reason {
        $0.file.messageType[1] = Shop.message(
          "PlaceOrderRequest",
          Shop.field("text") { $0.like = like }
        )
        $0.file.messageType[2] = Shop.message(
          "Order",
          Shop.field("text"),
          Shop.field("note") { $0.like = "shop.v1.Order.text" }
        )
      }
    }
    #expect(try reason("shop.v1.Order.text") == nil)
    for name in ["shop.v1.Order.nothing", "shop.v1.Nothing.text", "text"] {
      #expect(
        try reason(name)
          == "shop.v1.PlaceOrderRequest.text is like \(name), which does not exist"
      )
    }
    #expect(
      try reason("shop.v1.Order.note")
        == "shop.v1.PlaceOrderRequest.text is like shop.v1.Order.note, which is itself like shop.v1.Order.text: name that one"
    )
  }

  @Test func `has texts without a name, or with one that something else has`() throws {
    func reason(_ values: [String], _ name: String, and others: [String] = ["a"]) throws -> String?
    {
      try self.reason {
        $0.file.messageType[2] = Shop.message(
          "Order",
          Shop.field("id") { ($0.values, $0.valuesName) = (others, "OrderBy") },
          Shop.field("text") { ($0.values, $0.valuesName) = (values, name) }
        )
      }
    }
    let place = "shop.v1.Order.text"
    #expect(try reason(["a"], "OrderBy") == nil)
    #expect(
      try reason(["a"], "")
        == "\(place): values need a name (values_name), and a name needs values"
    )
    #expect(
      try reason([], "Text")
        == "\(place): values need a name (values_name), and a name needs values"
    )
    #expect(try reason(["b"], "OrderBy") == "\(place): OrderBy has other values")
    #expect(
      try reason(["a"], "Order") == "shop.v1.Order and Order have the same name by REST: Order"
    )
  }

  @Test func `has bounds that nothing fits`() throws {
    #expect(
      try reason {
        $0.file.messageType[2] = Shop.message(
          "Order",
          Shop.field("text") { $0.bytes = .with { ($0.min, $0.max) = (9, 8) } }
        )
      } == "shop.v1.Order.text: max is less than min"
    )
  }

  @Test func `has a field that depends on one that is no boolean`() throws {
    func reason(_ condition: String) throws -> String? {
      try self.reason {
        $0.file.messageType[2] = Shop.message(
          "Order",
          Shop.field("text") { $0.onlyIf = condition },
          Shop.field("is_paid", .bool)
        )
      }
    }
    #expect(try reason("is_paid") == nil)
    #expect(try reason("!is_paid") == nil)
    for condition in ["text", "nothing", "!text", "!"] {
      #expect(try reason(condition) == "shop.v1.Order.text: only_if names no boolean field")
    }
  }

  @Test func `has a message whose options name fields that it does not have`() throws {
    func reason(_ change: (inout Contract_V1_Message) -> Void) throws -> String? {
      try self.reason { change(&$0.file.messageType[2].options.Contract_V1_message) }
    }
    #expect(try reason { $0.exactlyOneOf = ["id", "text"] } == nil)
    #expect(try reason { $0.exactlyOneOf = ["id", "no"] } == "shop.v1.Order has no field no")
    #expect(try reason { $0.pendingUnless = "no" } == "shop.v1.Order has no field no")
    #expect(
      try reason { $0.list = true }
        == "shop.v1.Order is a list, so it must have one repeated field"
    )
  }

  @Test func `has a code that nginx could not say`() throws {
    let quoted =
      "contract.v1.NOT_FOUND: its message goes into nginx's files, so no quotes, $ or \\"
    for message in ["say \"no\"", "costs $1", "a\\b", "nichts für dich", "two\nlines"] {
      #expect(try reason { $0.code("NOT_FOUND") { $0.message = message } } == quoted, "\(message)")
    }
    let incomplete = "contract.v1.NOT_FOUND needs http, grpc and message"
    #expect(try reason { $0.code("NOT_FOUND") { $0.message = "" } } == incomplete)
    #expect(try reason { $0.code("NOT_FOUND") { $0.http = 200 } } == incomplete)
    #expect(try reason { $0.code("NOT_FOUND") { $0.grpc = .ok } } == incomplete)
    #expect(try reason { $0.code("NOT_FOUND") { $0.grpc = .UNRECOGNIZED(17) } } == incomplete)
    #expect(try reason { $0.code("NOT_FOUND") { $0.message = "it isn't there" } } == nil)
  }

  @Test func `lacks a file, or has no codes`() throws {
    #expect(
      try reason { $0.imported.removeAll { $0.name == "google/api/http.proto" } }
        == "google/api/annotations.proto imports google/api/http.proto, which does not come before it"
    )
    #expect(throws: (any Error).self) { try Registry(descriptorSet: [0xFF]) }
    let nothing = #expect(throws: ContractError.self) { try Registry(descriptorSet: []) }
    #expect(nothing?.description == "there is no enumeration contract.v1.Code")
  }
}

struct `A registry of what executables describe` {
  @Test func `has them in the contract's order, and others behind them by name`() throws {
    let registry = try Shop().registry()
    let (get, place) = (registry.functions[0], registry.functions[1])
    func other(_ name: String) -> FunctionDescription {
      var function = get
      function.function = name
      function.rpc = "shop.v1.ShopService/\(name)"
      return function
    }
    let described = try registry.with([other("b"), place, other("a"), get])
    #expect(described.functions.map(\.function) == ["get-order", "place-order", "a", "b"])
    #expect(described.answers == registry.answers)
  }

  @Test func `refuses what does not go together, or into the gateway's tables`() throws {
    let registry = try Shop().registry()
    let order = registry.functions[0]
    func reason(_ change: (inout FunctionDescription) -> Void) -> String? {
      var changed = order
      change(&changed)
      do {
        _ = try registry.with([changed])
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(reason { _ in } == nil)
    #expect(reason { $0.function = "x;" } == "x;: 'x;' is no name of a function")
    #expect(reason { $0.service = "..*" } == "get-order: '..*' is no name of a service")
    #expect(reason { $0.methods = ["GET|POST"] } == "get-order: 'GET|POST' is no HTTP method")
    #expect(reason { $0.path = "/$uri" } == "get-order: '/$uri' is no path")
    #expect(
      reason { $0.path = "" } == "get-order: a path needs methods, and methods need a path"
    )
    #expect(reason { $0.messages = [] } == "get-order does not describe its messages")
    #expect(reason { $0.response = "a.B" } == "get-order does not describe its messages")
    #expect(throws: ContractError.self) { try registry.with([order, order]) }
  }
}
