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

  .init("SendEmail", in: "Notification", uses: ["Notifications"]),
  .init("SendPushNotification", in: "Notification", uses: ["Notifications"]),
  .init("SendTaskReminder", in: "Notification", uses: ["Notifications", "ServiceClient"]),
  .init("NotifyUser", in: "Notification", uses: ["Notifications", "ServiceClient"]),
  .init("GetNotification", in: "Notification"),
  .init("ListNotifications", in: "Notification"),
  .init("GetPushKey", in: "Notification", uses: ["WebPush"]),
  .init("RegisterPushSubscription", in: "Notification", uses: ["WebPush"]),
  .init("ListPushSubscriptions", in: "Notification"),
  .init("DeletePushSubscription", in: "Notification"),
  .init("SaveContact", in: "Notification"),
  .init("ForgetUser", in: "Notification"),

  .init("Health", in: "Operations", uses: ["HealthChecks"]),
  .init("CheckHealth", in: "Operations", uses: ["HealthChecks"]),
  .init("ReflectServer", in: "Operations", uses: ["Descriptors", "HTTP2"]),
]

// What cron starts.
let jobs: [Function] = [
  .init("DispatchReminders", in: "Jobs", uses: ["Jobs"]),
  .init("DeliverNotifications", in: "Jobs", uses: ["Jobs", "Notifications", "Queue"]),
  .init("RelayEvents", in: "Jobs", uses: ["Jobs", "Queue", "Sagas"]),
  .init("PurgeExpired", in: "Jobs", uses: ["Jobs"]),
]

// What an operator runs by hand or a script runs for them: executables that serve no requests.
let tools: [Function] = [
  .init("Migrate", in: "Operations", uses: ["Migrations"]),
  .init("CreateAdmin", in: "Operations", uses: ["Passwords"]),
  .init(
    "GenerateBindings",
    in: "Operations",
    uses: ["Contract", "Generation", "JSON", "OpenAPI"],
    needsGround: false
  ),
  .init("CheckSettings", in: "Operations", uses: ["Configuration", "Notifications", "Tokens"]),
]

struct Function {
  let name: String
  let path: String
  let uses: [String]
  /// Whether it may use what stands on the ground floor. The generator must not: it is built before the code that it makes.
  let needsGround: Bool

  init(_ name: String, in service: String, uses: [String] = [], needsGround: Bool = true) {
    self.name = name
    self.path = "Functions/\(service)/\(name)"
    self.uses = uses
    self.needsGround = needsGround
  }

  /// `CreateTask` is the executable, socket, pool and log `create-task`.
  var executable: String {
    name.reduce(into: "") { kebab, letter in
      if letter.isUppercase && !kebab.isEmpty { kebab += "-" }
      kebab += letter.lowercased()
    }
  }

  /// A target that may use the modules of `floor`, and those that are its own.
  func target(_ floor: [String]) -> Target {
    .executableTarget(
      name: name,
      dependencies: ((needsGround ? floor : []) + uses).map { .byName(name: $0) },
      path: path
    )
  }

  var product: Product { .executable(name: executable, targets: [name]) }
}

/// What every executable may use. The `main` of a function, `Serving`, is for functions alone.
let ground = ["API", "Endpoint", "PostgreSQL", "Runtime", "Stores", "Validation", "Values"]

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

let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
/// What swift-protobuf's own generator is made of.
let protobufPlugins = Target.Dependency.product(
  name: "SwiftProtobufPluginLibrary",
  package: "swift-protobuf"
)

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
    system("CFile"),
    system("CHTTP2"),
    system("COpenSSL"),
    system("CPostgreSQL"),

    shared("Values"),
    shared("JSON"),
    shared("Telemetry", "JSON", "Values"),
    shared("FastCGI", "CFastCGI"),
    shared("HTTP2", "CHTTP2"),
    shared("PostgreSQL", "CPostgreSQL", "Values"),
    shared("Passwords", "CCrypt"),
    shared("Tokens", "COpenSSL", "JSON", "Values"),
    shared("Resilience", "CFile", "Values"),
    shared(
      "Migrations",
      "PostgreSQL",
      "Values",
      exclude: ["README.md", "user_db", "task_db", "notification_db"]
    ),
    shared(
      "API",
      "Values",
      products: [protobuf],
      exclude: ["Protos", "README.md", "contract.binpb", "openapi.json"]
    ),
    shared("Descriptors", products: [protobuf]),
    shared("Contract", products: [protobuf, protobufPlugins]),
    shared("OpenAPI", "Contract", "JSON"),
    shared("Generation", "Contract", products: [protobuf, protobufPlugins]),
    shared("Endpoint", "API", "Values"),
    shared("Validation", "API", "Endpoint", "Values"),
    shared("Stores", "API", "Endpoint", "PostgreSQL", "Resilience", "Validation", "Values"),
    shared("ServiceClient", "API", "CCurl", "Endpoint", "Resilience", "Values"),
    shared("Mail", "CCurl", "Values"),
    shared("WebPush", "CCurl", "COpenSSL", "Values"),
    shared(
      "Runtime",
      "API",
      "Endpoint",
      "PostgreSQL",
      "Stores",
      "Telemetry",
      "Tokens",
      "Validation",
      "Values"
    ),
    shared("Configuration", "Runtime"),
    shared("HealthChecks", "CCurl", "Endpoint", "JSON", "PostgreSQL", "Runtime", "Values"),
    shared("Queue", "Runtime", "Values"),
    shared(
      "Notifications",
      "API",
      "Endpoint",
      "JSON",
      "Mail",
      "Queue",
      "Resilience",
      "Runtime",
      "ServiceClient",
      "Stores",
      "Telemetry",
      "Validation",
      "Values",
      "WebPush"
    ),
    shared(
      "Jobs",
      "API",
      "Endpoint",
      "JSON",
      "Queue",
      "Resilience",
      "Runtime",
      "ServiceClient",
      "Stores",
      "Telemetry",
      "Validation",
      "Values"
    ),
    shared(
      "Sagas",
      "API",
      "Endpoint",
      "JSON",
      "Queue",
      "Resilience",
      "Runtime",
      "ServiceClient",
      "Stores",
      "Telemetry",
      "Validation",
      "Values"
    ),
    shared("Wire", "API", "Endpoint", "JSON", "Values"),
    shared(
      "Serving",
      "API",
      "Endpoint",
      "FastCGI",
      "JSON",
      "Runtime",
      "Telemetry",
      "Tokens",
      "Validation",
      "Values",
      "Wire"
    ),

    .testTarget(name: "ValuesTests", dependencies: ["Values"]),
    .testTarget(name: "JSONTests", dependencies: ["JSON"]),
    .testTarget(name: "FastCGITests", dependencies: ["FastCGI"]),
    .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Values"]),
    .testTarget(name: "TokensTests", dependencies: ["Tokens", "Values"]),
    .testTarget(name: "PasswordsTests", dependencies: ["Passwords"]),
    .testTarget(name: "ResilienceTests", dependencies: ["Resilience", "Values"]),
    .testTarget(
      name: "ValidationTests",
      dependencies: ["API", "Endpoint", "Validation", "Values"]
    ),
    .testTarget(
      name: "WireTests",
      dependencies: [
        "API", "Contract", "Descriptors", "Endpoint", "Generation", "JSON", "Values", "Wire",
      ]
    ),
    .testTarget(name: "ContractTests", dependencies: ["Contract", "Descriptors", protobuf]),
    .testTarget(
      name: "GenerationTests",
      dependencies: ["Contract", "Descriptors", "Generation", "JSON", "OpenAPI", protobuf]
    ),
    .testTarget(
      name: "ServiceClientTests",
      dependencies: ["API", "Endpoint", "Resilience", "ServiceClient", "Values"]
    ),
    .testTarget(name: "HealthChecksTests", dependencies: ["HealthChecks", "Values"]),
    .testTarget(name: "QueueTests", dependencies: ["Queue", "Runtime", "Values"]),
    .testTarget(name: "MailTests", dependencies: ["Mail", "Values"]),
    .testTarget(name: "WebPushTests", dependencies: ["Values", "WebPush"]),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: [
        "Configuration", "Notifications", "Runtime", "Telemetry", "Validation",
      ]
    ),
    .testTarget(
      name: "NotificationsTests",
      dependencies: ["JSON", "Mail", "Notifications", "Runtime", "Values"]
    ),
    .testTarget(
      name: "FunctionTests",
      dependencies: (functions.map(\.name)
        + [
          "API", "Contract", "Descriptors", "Endpoint", "HealthChecks", "JSON", "Jobs", "Mail",
          "Migrations",
          "Notifications", "Passwords", "PostgreSQL", "Queue", "Runtime", "Sagas", "ServiceClient",
          "Serving", "Stores", "Tokens", "Validation", "Values", "WebPush", "Wire",
        ])
        .map { .byName(name: $0) }
    ),
  ] + functions.map { $0.target(ground + ["Serving"]) } + (jobs + tools).map { $0.target(ground) }
)

for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Each function in a section of its own, and none kept because others might call it: the linker leaves out
    // what an executable never calls.
    .unsafeFlags(
      ["-Xfrontend", "-function-sections", "-Xfrontend", "-internalize-at-link"],
      .when(configuration: .release)
    ),
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
