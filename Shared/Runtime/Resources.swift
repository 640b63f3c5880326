public import Endpoint
public import PostgreSQL
public import Stores
public import Telemetry
import Tokens
public import Validation
public import Values

/// What a function can be built from. Nothing is opened before it is used.
public final class Resources {
  /// The settings.
  public let settings: Settings
  /// The log.
  public let log: Log
  /// The function's one database.
  public let database: Database

  /// How long before a task's due date its owner is reminded.
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

  /// The state of all databases, for what looks after the whole system.
  ///
  /// - Throws: `Settings.Invalid`.
  public var readiness: Readiness {
    get throws {
      func database(_ url: Setting<String?>) throws -> Database {
        Database(
          url: try settings.required(url),
          options: Database.Options(
            applicationName: "health",
            preparesStatements: try settings[.preparesStatements]
          )
        )
      }
      return Readiness([
        ("user_db", ["user", "auth"], try database(.userDatabaseURL)),
        ("task_db", ["task"], try database(.taskDatabaseURL)),
        ("notification_db", ["notification"], try database(.notificationDatabaseURL)),
      ])
    }
  }

  /// The time.
  public var now: Instant { clock() }

  /// Gives the statements that follow so many milliseconds, outside of a request.
  public func allowDatabase(milliseconds: Int) {
    database.deadline = Deadline(millisecondsFromNow: milliseconds)
  }

  /// The time of the database's host.
  ///
  /// - Throws: `DatabaseError`.
  public func databaseTime() throws -> Instant {
    let times = try database.read(Query("SELECT now()")) { try $0.instant(0) }
    guard let time = times.first else { throw DatabaseError.unexpectedValue("no row") }
    return time
  }

  /// The tasks.
  public var tasks: TaskStore { TaskStore(database: database, leads: leads) }
  /// The reminders of tasks.
  public var reminders: ReminderStore { ReminderStore(database: database) }
  /// The notifications.
  public var notifications: NotificationStore { NotificationStore(database: database) }
  /// What has happened and others must be told.
  public var events: EventStore { EventStore(database: database) }
  /// The push messages on their way.
  public var pushes: PushStore { PushStore(database: database) }
  /// The browsers that take push messages.
  public var subscriptions: PushSubscriptionStore { PushSubscriptionStore(database: database) }
  /// How to reach the users.
  public var contacts: ContactStore { ContactStore(database: database) }
  /// The users.
  public var users: UserStore { UserStore(database: database) }
  /// The sessions.
  public var sessions: SessionStore { SessionStore(database: database) }
  /// The page tokens.
  public var pages: PageTokens { PageTokens(seals) }
  /// The tokens by which users switch their mail off.
  public var unsubscribeTokens: UnsubscribeTokens { UnsubscribeTokens(seals) }

  private var seals: Seals {
    let keyRing = keyRing
    let clock = clock
    return Seals(
      seal: { try keyRing.current(at: clock()).pageSeal($0) },
      check: { message, seal in
        let now = clock()
        return try keyRing.current(at: now).isPageSeal(seal, of: message)
          || keyRing.current(at: now, maximumAgeMilliseconds: 20).isPageSeal(seal, of: message)
      }
    )
  }
  /// The tokens of sessions.
  ///
  /// - Throws: `Settings.Invalid`.
  public var tokens: SessionTokens {
    get throws {
      _ = try settings.required(.keysFile)
      // Read the keys now: should the file break before the first request, these are there. Should it be
      // broken already, each request says so.
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

  /// Makes the token that this service shows to the others. One is used again for half of its life.
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
