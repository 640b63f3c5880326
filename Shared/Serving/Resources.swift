import Endpoint
public import PostgreSQL
public import Rules
public import Stores
public import Telemetry
import Tokens
public import Values

/// What a function can be built from. Nothing is opened before it is used.
public final class Resources {
  /// The settings.
  public let settings: Settings
  /// The log.
  public let log: Log
  /// The function's one database.
  public let database: Database

  let keyRing: KeyRingFile
  private let clock: () -> Instant

  /// Resources of a function.
  ///
  /// - Throws: `Settings.Invalid`.
  public init(
    function: String,
    settings: Settings,
    needsDatabase: Bool = true,
    clock: @escaping () -> Instant = Clock.now
  ) throws {
    self.settings = settings
    self.clock = clock
    let log = Log(
      function: function,
      level: try settings.logLevel,
      path: settings.text("LOG_FILE"),
      maximumBytes: try settings.integer(
        "LOG_MAX_BYTES",
        default: 50_000_000,
        in: 10_000...10_000_000_000
      )
    )
    self.log = log
    database = Database(
      url: needsDatabase ? try settings.required("DATABASE_URL") : "",
      options: Database.Options(
        applicationName: function,
        statementTimeoutMilliseconds: try settings.deadlineMilliseconds,
        preparesStatements: try settings.choice(
          "PREPARED_STATEMENTS",
          ["on", "off"],
          default: "on"
        ) == "on"
      )
    )
    keyRing = KeyRingFile(path: settings.text("JWT_KEYS_FILE") ?? "") { message in
      log.write(.error, at: clock(), message: message)
    }
  }

  /// A database by the variable that has its URL, for what looks after several.
  ///
  /// - Throws: `Settings.Invalid`.
  public func database(of variable: String) throws -> Database {
    Database(
      url: try settings.required(variable),
      options: Database.Options(applicationName: "health")
    )
  }

  /// The time.
  public var now: Instant { clock() }

  /// The tasks.
  public var tasks: TaskStore { TaskStore(database: database) }
  /// The users.
  public var users: UserStore { UserStore(database: database) }
  /// The sessions.
  public var sessions: SessionStore { SessionStore(database: database) }
  /// The page tokens.
  public var pages: PageTokens {
    let keyRing = keyRing
    let clock = clock
    return PageTokens(
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
      _ = try settings.required("JWT_KEYS_FILE")
      // Read the keys now: should the file break before the first request, these are there. Should it be
      // broken already, each request says so.
      _ = try? keyRing.current(at: clock())
      return try SessionTokens(keyRing: keyRing, settings: settings)
    }
  }
}
