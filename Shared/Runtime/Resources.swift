public import Endpoint
public import PostgreSQL
public import Stores
public import Telemetry
public import Tokens
public import Validation
public import Values

/// The parts that a function can be built from. Nothing is opened before it is used.
public final class Resources {
  /// The settings.
  public let settings: Settings
  /// The log.
  public let log: Log
  /// The function's one database.
  public let database: Database

  /// The times before a task's due date at which its owner is reminded.
  public let leads: LeadTimes

  let keyRing: KeyRingFile
  private let clock: () -> Instant

  /// Resources of a function.
  ///
  /// - Throws: `Settings.Invalid`.
  public init(
    function: String,
    settings: Settings,
    needsDatabase: Bool = true,
    statementTimeoutMilliseconds: Int? = nil,
    clock: @escaping () -> Instant = Clock.now
  ) throws {
    self.settings = settings
    self.clock = clock
    let log = Log(
      function: function,
      level: try settings[.logLevel],
      path: try settings[.logFile],
      maximumBytes: try settings[.logMaximumBytes]
    )
    self.log = log
    database = Database(
      url: needsDatabase ? try settings.required(.databaseURL) : "",
      options: Database.Options(
        applicationName: function,
        statementTimeoutMilliseconds: try statementTimeoutMilliseconds
          ?? settings[.deadlineMilliseconds],
        preparesStatements: try settings[.preparesStatements]
      )
    )
    leads = try settings[.leadTimes]
    keyRing = KeyRingFile(path: try settings[.keysFile] ?? "") { message in
      log.write(.error, at: clock(), message: message)
    }
  }

  /// A database that only the health checks connect to.
  ///
  /// - Throws: `Settings.Invalid`.
  public func healthDatabase(_ url: Setting<String?>) throws -> Database {
    Database(
      url: try settings.required(url),
      options: Database.Options(
        applicationName: "health",
        preparesStatements: try settings[.preparesStatements]
      )
    )
  }

  /// The state of the keys, as the key file is now; `nil` for a function without keys.
  public var keyState: KeyRingFile.State? {
    get throws {
      guard try settings[.keysFile] != nil else { return nil }
      return keyRing.state(at: clock())
    }
  }

  /// The time.
  public var now: Instant { clock() }

  private static let databaseTime = Statement("SELECT now()")

  /// The time of the database's host.
  ///
  /// - Throws: `DatabaseError`.
  public func databaseTime(by deadline: Deadline) throws -> Instant {
    try database.by(deadline).one(Query(Self.databaseTime)) { try $0.instant(0) }
  }

  /// Tells whether the connection to the database leads through no pooler.
  ///
  /// - Throws: `DatabaseError`.
  public func connectsDirectly(by deadline: Deadline) throws -> Bool {
    try database.by(deadline).isDirect()
  }

  /// The tasks.
  public var tasks: Timed<TaskStore> {
    Timed { [database, leads] in TaskStore(database: database.by($0), leads: leads) }
  }
  /// The reminders of tasks.
  public var reminders: Timed<ReminderStore> {
    Timed { [database] in ReminderStore(database: database.by($0)) }
  }
  /// The notifications.
  public var notifications: Timed<NotificationStore> {
    Timed { [database] in NotificationStore(database: database.by($0)) }
  }
  /// The events that other services must be told of.
  public var events: Timed<EventStore> {
    Timed { [database] in EventStore(database: database.by($0)) }
  }
  /// The push messages on their way.
  public var pushes: Timed<PushStore> {
    Timed { [database] in PushStore(database: database.by($0)) }
  }
  /// The browsers that take push messages.
  public var subscriptions: Timed<PushSubscriptionStore> {
    Timed { [database] in PushSubscriptionStore(database: database.by($0)) }
  }
  /// The ways to reach the users.
  public var contacts: Timed<ContactStore> {
    Timed { [database] in ContactStore(database: database.by($0)) }
  }
  /// The users.
  public var users: Timed<UserStore> {
    Timed { [database] in UserStore(database: database.by($0)) }
  }
  /// The sessions. Ended ones and outages of the database are remembered from one call to the next.
  public var sessions: Timed<SessionStore> {
    let memory = SessionStore.Memory()
    return Timed { [database] in SessionStore(database: database.by($0), memory: memory) }
  }
  /// The page tokens.
  public var pages: PageTokens { PageTokens(mac) }
  /// The tokens by which users unsubscribe from mail.
  public var unsubscribeTokens: UnsubscribeTokens { UnsubscribeTokens(mac) }

  private var mac: MAC {
    let keyRing = keyRing
    let clock = clock
    // As for tokens: should the file break before the first request, these keys are in place.
    _ = try? keyRing.current(at: clock())
    return MAC(
      make: { try keyRing.current(at: clock()).pageMAC($0) },
      check: { message, code in
        let now = clock()
        return try keyRing.current(at: now).isPageMAC(code, of: message)
          || keyRing.current(at: now, maximumAgeMilliseconds: 20).isPageMAC(code, of: message)
      }
    )
  }

  /// The tokens of sessions.
  ///
  /// - Throws: `Settings.Invalid`.
  public var tokens: SessionTokens {
    get throws {
      _ = try settings.required(.keysFile)
      // Read the keys now: should the file break before the first request, these are in place. Should it be
      // broken already, each request fails with that message.
      _ = try? keyRing.current(at: clock())
      return try SessionTokens(keyRing: keyRing, settings: settings)
    }
  }

  /// The means to call another service, such as the User service at `USER_SERVICE_URL`.
  ///
  /// - Throws: `Settings.Invalid`.
  public func access(to service: Service) throws -> ServiceAccess {
    let (log, clock) = (log, clock)
    return ServiceAccess(
      url: try service.addressSetting.flatMap { try settings[$0] },
      breakerFile: try settings[.breakerFolder].map { "\($0)/\(service.rawValue)" },
      token: try serviceToken(),
      report: { log.write(.warning, at: clock(), message: $0) }
    )
  }

  /// Makes the token that this service presents to the others. A token is reused for half of its life.
  private func serviceToken() throws -> (_ now: Instant) throws -> String {
    let tokens = try tokens
    var last: (token: String, madeAt: Int64)?
    return { now in
      if let last, (0..<SessionTokens.serviceTokenSeconds / 2).contains(now.seconds - last.madeAt) {
        return last.token
      }
      let token = try tokens.serviceToken(at: now)
      last = (token, now.seconds)
      return token
    }
  }
}
