// swift-tools-version: 6.2

import PackageDescription

// The functions of the system. This is the one list of them: targets and products are made from it
// below, and a test holds the pools, the route table and the README against it.
//
// `uses` names what a function may touch beyond what every function has (requests, tokens, its own
// database): the security review of a function starts here.
let functions: [Function] = [
  .init("CreateUser", in: "User", uses: ["Passwords"]),
  .init("GetUser", in: "User"),
  .init("UpdateUser", in: "User", uses: ["Passwords"]),
  .init("DeleteUser", in: "User"),
  .init("ListUsers", in: "User"),
  .init("Unsubscribe", in: "User"),

  .init("Login", in: "Auth", uses: ["Passwords", "Tokens"]),
  .init("ValidateToken", in: "Auth", uses: ["Tokens"]),
  .init("VerifyToken", in: "Auth", uses: ["Tokens"]),
  .init("CheckSession", in: "Auth", uses: ["Tokens"]),
  .init("RefreshToken", in: "Auth", uses: ["Tokens"]),
  .init("Logout", in: "Auth", uses: ["Tokens"]),

  .init("CreateTask", in: "Task", uses: ["ServiceClient"]),
  .init("GetTask", in: "Task"),
  .init("UpdateTask", in: "Task", uses: ["ServiceClient"]),
  .init("DeleteTask", in: "Task"),
  .init("ListTasks", in: "Task"),
  .init("ListUserTasks", in: "Task", uses: ["ServiceClient"]),
  .init("DeleteUserTasks", in: "Task"),

  .init("SendEmail", in: "Notification", uses: ["Outbox"]),
  .init("SendPushNotification", in: "Notification", uses: ["Outbox"]),
  .init("SendTaskReminder", in: "Notification", uses: ["Notices", "ServiceClient"]),
  .init("NotifyUser", in: "Notification", uses: ["Notices", "ServiceClient"]),
  .init("GetNotification", in: "Notification"),
  .init("ListNotifications", in: "Notification"),
  .init("GetPushKey", in: "Notification", uses: ["Delivery"]),
  .init("RegisterPushSubscription", in: "Notification", uses: ["Delivery"]),
  .init("ListPushSubscriptions", in: "Notification"),
  .init("DeletePushSubscription", in: "Notification"),
  .init("SaveContact", in: "Notification"),
  .init("ForgetUser", in: "Notification"),

  .init("Health", in: "Operations"),
  .init("CheckHealth", in: "Operations"),
  .init("ReflectServer", in: "Operations", uses: ["Contract", "RPCStreams"]),
]

// What cron starts.
let jobs: [Function] = [
  .init("DispatchReminders", in: "Jobs", uses: ["Jobs"]),
  .init("DeliverNotifications", in: "Jobs", uses: ["Jobs", "Outbox"]),
  .init("RelayEvents", in: "Jobs", uses: ["Jobs", "Sagas"]),
  .init("PurgeExpired", in: "Jobs", uses: ["Jobs"]),
]

// What an operator runs by hand or a script runs for them: executables that serve no requests.
let tools: [Function] = [
  .init("Migrate", in: "Operations", uses: ["Migrations"]),
  .init("CreateAdmin", in: "Operations", uses: ["Passwords"]),
  .init("DescribeEndpoints", in: "Operations", uses: ["Contract", "JSON", "OpenAPI"]),
]

struct Function {
  let name: String
  let path: String
  let uses: [String]

  init(_ name: String, in service: String, uses: [String] = []) {
    self.name = name
    self.path = "Functions/\(service)/\(name)"
    self.uses = uses
  }

  /// `CreateTask` is the executable, socket, pool and log `create-task`.
  var executable: String {
    name.reduce(into: "") { kebab, letter in
      if letter.isUppercase && !kebab.isEmpty { kebab += "-" }
      kebab += letter.lowercased()
    }
  }

  var target: Target {
    .executableTarget(
      name: name,
      dependencies: (["API", "Endpoint", "PostgreSQL", "Rules", "Serving", "Stores", "Values"]
        + uses)
        .map { .byName(name: $0) },
      path: path
    )
  }

  var product: Product { .executable(name: executable, targets: [name]) }
}

/// The modules under `Shared/` so far, in the order of the list below.
nonisolated(unsafe) var floors: Set<String> = []

/// A module under `Shared/`. Its imports point downwards only: to what stands before it in the list below.
/// That it imports nothing else is checked by `scripts/build` (`scripts/lib/check_imports.py`).
func shared(
  _ name: String,
  _ modules: String...,
  products: [Target.Dependency] = [],
  exclude: [String] = []
) -> Target {
  for module in modules {
    precondition(
      floors.contains(module),
      "\(name) imports \(module), which does not stand below it"
    )
  }
  floors.insert(name)
  return .target(
    name: name,
    dependencies: modules.map { .byName(name: $0) } + products,
    path: "Shared/\(name)",
    exclude: exclude
  )
}

/// A C library of the system: a module map and a shim.
func system(_ name: String) -> Target {
  floors.insert(name)
  return .systemLibrary(name: name, path: "Shared/\(name)")
}

let package = Package(
  name: "task-management",
  products: (functions + jobs + tools).map(\.product),
  dependencies: [
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0", traits: [])
  ],
  targets: [
    system("CCrypt"),
    system("CCurl"),
    system("CFastCGI"),
    system("CHTTP2"),
    system("COpenSSL"),
    system("CPostgreSQL"),

    shared("Values"),
    shared("JSON"),
    shared("Telemetry", "JSON", "Values"),
    shared("FastCGI", "CFastCGI"),
    shared("RPCStreams", "CHTTP2"),
    shared("PostgreSQL", "CPostgreSQL", "Values"),
    shared("Passwords", "CCrypt"),
    shared("Tokens", "COpenSSL", "JSON", "Values"),
    shared(
      "Migrations",
      "PostgreSQL",
      "Values",
      exclude: ["user_db", "task_db", "notification_db"]
    ),
    shared(
      "API",
      "Values",
      products: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["Protos", "openapi.json"]
    ),
    shared("Contract", "Values"),
    shared("OpenAPI", "Contract", "JSON"),
    shared("Endpoint", "API", "Values"),
    shared("ServiceClient", "API", "CCurl", "Endpoint", "Values"),
    shared("Delivery", "CCurl", "COpenSSL", "Values"),
    shared("Rules", "API", "Endpoint", "Values"),
    shared("Stores", "API", "Endpoint", "PostgreSQL", "Rules", "Values"),
    shared("Notices", "API", "Endpoint", "Rules", "ServiceClient", "Stores", "Values"),
    shared("Wire", "API", "Endpoint", "JSON", "Values"),
    shared(
      "Serving",
      "API",
      "Endpoint",
      "FastCGI",
      "JSON",
      "PostgreSQL",
      "Rules",
      "Stores",
      "Telemetry",
      "Tokens",
      "Values",
      "Wire"
    ),
    shared(
      "Outbox",
      "API",
      "Delivery",
      "Endpoint",
      "JSON",
      "Rules",
      "ServiceClient",
      "Serving",
      "Stores",
      "Telemetry",
      "Values"
    ),
    shared(
      "Jobs",
      "API",
      "Endpoint",
      "JSON",
      "Rules",
      "ServiceClient",
      "Serving",
      "Stores",
      "Telemetry",
      "Values"
    ),
    shared(
      "Sagas",
      "API",
      "Endpoint",
      "JSON",
      "Rules",
      "ServiceClient",
      "Serving",
      "Stores",
      "Telemetry",
      "Values"
    ),

    .testTarget(name: "ValuesTests", dependencies: ["Values"]),
    .testTarget(name: "JSONTests", dependencies: ["JSON"]),
    .testTarget(name: "FastCGITests", dependencies: ["FastCGI"]),
    .testTarget(name: "TokensTests", dependencies: ["Tokens", "Values"]),
    .testTarget(name: "PasswordsTests", dependencies: ["Passwords"]),
    .testTarget(name: "RulesTests", dependencies: ["API", "Endpoint", "Rules", "Values"]),
    .testTarget(
      name: "WireTests",
      dependencies: ["API", "Contract", "Endpoint", "JSON", "Values", "Wire"]
    ),
    .testTarget(name: "ContractTests", dependencies: ["Contract", "JSON", "OpenAPI"]),
    .testTarget(
      name: "ServiceClientTests",
      dependencies: ["API", "Endpoint", "ServiceClient", "Values"]
    ),
    .testTarget(name: "DeliveryTests", dependencies: ["Delivery", "Values"]),
    .testTarget(name: "OutboxTests", dependencies: ["Delivery", "JSON", "Outbox", "Values"]),
    .testTarget(
      name: "FunctionTests",
      dependencies: (functions.map(\.name)
        + [
          "API", "Contract", "Delivery", "Endpoint", "JSON", "Jobs", "Migrations", "Notices",
          "Outbox", "Passwords", "PostgreSQL", "Rules", "Sagas", "ServiceClient", "Serving",
          "Stores", "Tokens", "Values", "Wire",
        ])
        .map { .byName(name: $0) }
    ),
  ] + (functions + jobs + tools).map(\.target)
)

for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
  if target.type == .executable {
    // Only what is called goes into the file: no symbol is offered to others, which would keep its code.
    target.linkerSettings = [
      .unsafeFlags([
        "-use-ld=lld", "-Xlinker", "--gc-sections", "-Xlinker", "--no-export-dynamic", "-Xlinker",
        "-z",
        "-Xlinker", "pack-relative-relocs",
      ])
    ]
  }
}
