import API
import Descriptors
import Endpoint
import Foundation
import HealthChecks
import Notifications
import Passwords
import PostgreSQL
import Runtime
import ServiceClient
import Serving
import Stores
import Tokens
import Validation
import Values
import WebPush

@testable import CheckHealth
@testable import CheckSession
@testable import CreateTask
@testable import CreateUser
@testable import DeletePushSubscription
@testable import DeleteTask
@testable import DeleteUser
@testable import DeleteUserTasks
@testable import ForgetUser
@testable import GetNotification
@testable import GetPushKey
@testable import GetTask
@testable import GetUser
@testable import Health
@testable import ListNotifications
@testable import ListPushSubscriptions
@testable import ListTasks
@testable import ListUserTasks
@testable import ListUsers
@testable import Login
@testable import Logout
@testable import Notifications
@testable import NotifyUser
@testable import ReflectServer
@testable import RefreshToken
@testable import RegisterPushSubscription
@testable import SaveContact
@testable import SendEmail
@testable import SendPushNotification
@testable import SendTaskReminder
@testable import Unsubscribe
@testable import UpdateTask
@testable import UpdateUser
@testable import ValidateToken
@testable import VerifyToken

/// The functions of the system, on the real databases, at a time that the test sets.
///
/// Each service has its own role there. A test creates everything with new ids and names, so tests can
/// run side by side.
final class Fixture {
  /// The time of day.
  final class Clock {
    var now = Instant(seconds: 1_795_000_000)

    func advance(seconds: Int64) { now = now.adding(seconds: seconds) }
  }

  let clock: Clock
  let keys: KeyFile
  let userService: Resources
  let authService: Resources
  let taskService: Resources
  let notificationService: Resources
  /// The answers of the User service to other services; it is unavailable unless a test says otherwise.
  var directory = UserDirectory { _, _ in .unavailable }
  /// The delivery result of a push message; no push service can be reached unless a test says otherwise.
  var pushServices: (PushChannel.Message) -> DeliveryOutcome = { _ in
    .unreachable(reason: "no route")
  }
  private let signUpIsOpen: Bool
  /// Kept for as long as the fixture.
  private let scratch: [ScratchDatabase]

  // `settings` go beyond the databases and the keys; bcrypt costs 4 unless they say otherwise. `users`,
  // `tasks` and `notifications` are databases to use in the place of `user_db` and so on.
  init(
    settings: [String: String] = [:],
    users: ScratchDatabase? = nil,
    tasks: ScratchDatabase? = nil,
    notifications: ScratchDatabase? = nil,
    keys: KeyFile = KeyFile()
  ) throws {
    let clock = Clock()
    func resources(_ name: String, _ url: String) throws -> Resources {
      var variables = [
        "BCRYPT_COST": "4", "LOG_LEVEL": "off", "DATABASE_URL": url, "JWT_KEYS_FILE": keys.path,
        // Nothing listens there.
        "SMTP_URL": "smtp://127.0.0.1:1",
      ]
      variables.merge(settings) { $1 }
      return try Resources(function: name, settings: Settings(variables), clock: { clock.now })
    }
    self.clock = clock
    self.keys = keys
    scratch = [users, tasks, notifications].compactMap { $0 }
    userService = try resources("user", Postgres.url(.user, database: users?.name))
    authService = try resources("auth", Postgres.url(.auth, database: users?.name))
    taskService = try resources("task", Postgres.url(.task, database: tasks?.name))
    notificationService = try resources(
      "notification",
      Postgres.url(.notification, database: notifications?.name)
    )
    signUpIsOpen = try userService.settings[.signUpIsOpen]
  }

  /// The server's key of the example in RFC 8291, as `openssl genpkey` writes it.
  static let vapidKey = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyfWPiYE+n46HLnH0
    KqZOF1fJJU3MYrct3AELtAQ+oRyhRANCAAT+M/SrDepxkU21WCP3O1SUj0EwbZIH
    Mtu5pZpTKGSCIA5Zent7wmC6HCJ5mFgJkuk5cwAvMBKiiujwa7t45ewP
    -----END PRIVATE KEY-----
    """

  /// A new id.
  func id() -> ID { Context(now: clock.now, caller: .unknown, deadline: .soon).newID() }

  /// bcrypt at the cost in the settings.
  var passwords: Bcrypt { get throws { try Bcrypt(cost: authService.settings[.bcryptCost]) } }

  // MARK: The functions

  var createUser: Door<CreateUser> {
    get throws {
      Door(
        CreateUser(users: userService.users, passwords: try passwords, signUpIsOpen: signUpIsOpen),
        userService
      )
    }
  }
  var getUser: Door<GetUser> { Door(GetUser(users: userService.users), userService) }
  var updateUser: Door<UpdateUser> {
    get throws { Door(UpdateUser(users: userService.users, passwords: try passwords), userService) }
  }
  var deleteUser: Door<DeleteUser> { Door(DeleteUser(users: userService.users), userService) }
  var listUsers: Door<ListUsers> {
    Door(ListUsers(users: userService.users, pages: userService.pages), userService)
  }

  var unsubscribe: Door<Unsubscribe> {
    Door(
      Unsubscribe(users: userService.users, tokens: userService.unsubscribeTokens),
      userService
    )
  }

  var login: Door<Login> {
    get throws {
      let login = Login(
        users: authService.users,
        sessions: authService.sessions,
        tokens: try authService.tokens,
        passwords: try passwords
      )
      return Door(login, authService)
    }
  }
  var validateToken: Door<ValidateToken> {
    get throws {
      Door(
        ValidateToken(sessions: authService.sessions, tokens: try authService.tokens),
        authService
      )
    }
  }
  var checkSession: Door<CheckSession> {
    get throws {
      Door(
        CheckSession(sessions: authService.sessions, tokens: try authService.tokens),
        authService
      )
    }
  }
  var verifyToken: Door<VerifyToken> {
    get throws { Door(VerifyToken(tokens: try authService.tokens), authService) }
  }
  var refreshToken: Door<RefreshToken> {
    get throws {
      Door(
        RefreshToken(sessions: authService.sessions, tokens: try authService.tokens),
        authService
      )
    }
  }
  var logout: Door<Logout> {
    get throws {
      Door(Logout(sessions: authService.sessions, tokens: try authService.tokens), authService)
    }
  }

  var createTask: Door<CreateTask> {
    Door(CreateTask(tasks: taskService.tasks, users: directory), taskService)
  }
  var getTask: Door<GetTask> { Door(GetTask(tasks: taskService.tasks), taskService) }
  var updateTask: Door<UpdateTask> {
    Door(UpdateTask(tasks: taskService.tasks, users: directory), taskService)
  }
  var deleteUserTasks: Door<DeleteUserTasks> {
    Door(DeleteUserTasks(tasks: taskService.tasks), taskService)
  }
  var deleteTask: Door<DeleteTask> { Door(DeleteTask(tasks: taskService.tasks), taskService) }
  var listTasks: Door<ListTasks> {
    Door(ListTasks(tasks: taskService.tasks, pages: taskService.pages), taskService)
  }
  var listUserTasks: Door<ListUserTasks> {
    Door(
      ListUserTasks(tasks: taskService.tasks, users: directory, pages: taskService.pages),
      taskService
    )
  }

  var sendEmail: Door<SendEmail> {
    get throws {
      Door(
        SendEmail(
          notifications: notificationService.notifications,
          outbox: try NotificationOutbox.mail(notificationService)
        ),
        notificationService
      )
    }
  }
  /// Sends push messages to the test's push services.
  var pushOutbox: NotificationOutbox {
    get throws {
      let channel = try PushChannel(notificationService) { message, _ in self.pushServices(message)
      }
      return try NotificationOutbox(notificationService, channel)
    }
  }
  var sendPushNotification: Door<SendPushNotification> {
    get throws {
      Door(
        SendPushNotification(
          pushes: notificationService.pushes,
          notifications: notificationService.notifications,
          outbox: try pushOutbox
        ),
        notificationService
      )
    }
  }
  var getPushKey: Door<GetPushKey> {
    get throws {
      Door(GetPushKey(key: try VAPIDKey(pem: Array(Self.vapidKey.utf8))), notificationService)
    }
  }
  var registerPushSubscription: Door<RegisterPushSubscription> {
    Door(
      RegisterPushSubscription(
        subscriptions: notificationService.subscriptions,
        allowsPrivate: false
      ),
      notificationService
    )
  }
  var listPushSubscriptions: Door<ListPushSubscriptions> {
    Door(
      ListPushSubscriptions(subscriptions: notificationService.subscriptions),
      notificationService
    )
  }
  var deletePushSubscription: Door<DeletePushSubscription> {
    Door(
      DeletePushSubscription(subscriptions: notificationService.subscriptions),
      notificationService
    )
  }
  var sendTaskReminder: Door<SendTaskReminder> {
    Door(
      SendTaskReminder(notifier: notifier),
      notificationService
    )
  }
  var notifyUser: Door<NotifyUser> { Door(NotifyUser(notifier: notifier), notificationService) }
  var saveContact: Door<SaveContact> {
    Door(SaveContact(contacts: notificationService.contacts), notificationService)
  }
  var forgetUser: Door<ForgetUser> {
    Door(
      ForgetUser(
        contacts: notificationService.contacts,
        notifications: notificationService.notifications
      ),
      notificationService
    )
  }
  private var notifier: UserNotifier {
    UserNotifier(
      notifications: notificationService.notifications,
      contacts: notificationService.contacts,
      users: directory
    )
  }
  var getNotification: Door<GetNotification> {
    Door(GetNotification(notifications: notificationService.notifications), notificationService)
  }
  var listNotifications: Door<ListNotifications> {
    Door(
      ListNotifications(
        notifications: notificationService.notifications,
        pages: notificationService.pages
      ),
      notificationService
    )
  }

  var readiness: Readiness {
    Readiness(
      databases: DatabaseChecks([
        ("user_db", ["user", "auth"], userService.database),
        ("task_db", ["task"], taskService.database),
        ("notification_db", ["notification"], notificationService.database),
      ])
    )
  }
  var health: Door<Health> { Door(Health(readiness: readiness), userService) }
  var checkHealth: Door<CheckHealth> { Door(CheckHealth(readiness: readiness), userService) }
  var reflectServer: Door<ReflectServer> {
    Door(ReflectServer(contract: ContractFiles()), userService)
  }
}

// MARK: Users

/// A caller.
struct Person: Sendable {
  let id: ID
  let username: String
  let email: String
  var password = "correct horse battery"
  let caller: Caller
  /// The value of `Authorization`, valid for an hour.
  let token: String
}

extension Fixture {
  /// A caller who has only a token: enough for everything but users and sessions.
  func stranger(_ role: Role = .user) throws -> Person {
    try person(id: id(), username: "nobody", email: "nobody@example.com", role: role)
  }

  /// A caller with an account.
  func user(_ role: Role = .user, password: String = "correct horse battery") throws -> Person {
    let id = id()
    let name = "u" + id.text.suffix(20)
    let request = CreateUserRequest.with {
      $0.username = name
      $0.email = "\(name)@example.com"
      $0.password = password
    }
    _ = try userService.users(by: .soon).insert(
      UserDraft(request, role: role),
      passwordHash: try passwords.hash(password),
      id: id,
      at: clock.now
    )
    return try person(id: id, username: name, email: request.email, password: password, role: role)
  }

  private func person(
    id: ID,
    username: String,
    email: String,
    password: String = "",
    role: Role
  ) throws -> Person {
    let sessionID = role == .service ? nil : self.id()
    return Person(
      id: id,
      username: username,
      email: email,
      password: password,
      caller: Caller(userID: id, role: role, sessionID: sessionID),
      token: try token(userID: id.text, role: role.name, sessionID: sessionID?.text)
    )
  }

  /// An access token with the claims that a test wants.
  func token(
    userID: String,
    role: String,
    sessionID: String?,
    expiresInSeconds: Int64 = 3600
  ) throws -> String {
    let claims = AccessClaims(
      subject: userID,
      role: role,
      sessionID: sessionID,
      tokenID: id().text,
      issuedAt: clock.now.seconds,
      expiresAt: clock.now.seconds + expiresInSeconds
    )
    return AccessTokens(issuer: "task-management", audience: "task-management-api")
      .sign(claims, with: try keys.ring)
  }

  /// Signs a user in.
  func signIn(_ person: Person, password: String? = nil) throws -> TokenResponse {
    try login(
      .with {
        $0.username = person.username
        $0.password = password ?? person.password
      }
    )
  }
}

// MARK: Contents of the databases

extension Fixture {
  /// A user's row as JSON text, for finding out whether anything changed; `nil` if there is none.
  func row(ofUser id: ID) throws -> String? {
    try texts(userService, "SELECT row_to_json(u)::text FROM users u WHERE id = $1", id.text).first
  }

  /// A task's row as JSON text; `nil` if there is none.
  func row(ofTask id: String) throws -> String? {
    try texts(taskService, "SELECT row_to_json(t)::text FROM tasks t WHERE id = $1", id).first
  }

  /// The rows of a user's sessions as JSON texts.
  func sessionRows(of person: Person) throws -> [String] {
    try texts(
      authService,
      "SELECT row_to_json(s)::text FROM refresh_tokens s WHERE user_id = $1 ORDER BY id",
      person.id.text
    )
  }

  private func texts(_ resources: Resources, _ sql: SQL, _ value: String) throws -> [String] {
    try resources.database.read(Query(sql, .text(value))) { try $0.text(0) }
  }
}

// MARK: Keys

/// A key file in a temporary folder.
final class KeyFile: Sendable {
  struct Key {
    var id: String
    var signs = false
  }

  let path: String
  private let folder: String

  init() {
    folder = NSTemporaryDirectory() + "/keys-" + UUID().uuidString
    path = folder + "/jwt-keys.json"
    // swift-format-ignore: NeverUseForceTry
    try! FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    write([Key(id: "k1", signs: true)])
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Replaces the file.
  ///
  /// Keys with the same id always have the same secret.
  func write(_ keys: [Key]) {
    let entries = keys.map { key in
      let secret = Base64URL.encode(Array("\(folder)\(key.id)".utf8.suffix(40)))
      let operations = key.signs ? "\"sign\",\"verify\"" : "\"verify\""
      return
        "{\"kty\":\"oct\",\"kid\":\"\(key.id)\",\"k\":\"\(secret)\",\"key_ops\":[\(operations)]}"
    }
    let text = "{\"keys\":[\(entries.joined(separator: ","))]}"
    // swift-format-ignore: NeverUseForceTry
    try! Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
  }

  var ring: KeyRing {
    get throws { try KeyRing(parsing: Array(Data(contentsOf: URL(fileURLWithPath: path)))) }
  }
}
