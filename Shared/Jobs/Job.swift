import Glibc
import JSON
import Resilience
public import Runtime
import Synchronization
import Telemetry
public import Values

/// The `main` of a job that cron starts: one run, one line in the log, one exit code.
public struct Job {
  /// The results of a run by name, in the order of the log line.
  public struct Counts: ExpressibleByDictionaryLiteral {
    let all: [(name: StaticString, count: Int)]

    /// Counts by name.
    public init(_ all: [(name: StaticString, count: Int)]) { self.all = all }

    /// Counts by name.
    public init(dictionaryLiteral all: (StaticString, Int)...) {
      self.all = all.map { (name: $0.0, count: $0.1) }
    }
  }

  /// How long a run may begin new work, in seconds: cron starts the next run after a minute.
  private static let runSeconds = 58
  /// When a run that hangs is ended by force, in seconds: a mail that begins at the end still takes its time.
  private static let stuckSeconds: UInt32 = 300
  /// How far this host's clock may be from the database's, in seconds: other hosts read the times that it writes.
  private static let maximumDriftSeconds: Int64 = 60
  /// How often the lock of another run is looked at, in microseconds.
  private static let lockPauseMicroseconds: UInt32 = 100_000

  /// The name of the executable.
  let name: String
  /// The resources of the job.
  public let resources: Resources
  /// The arguments of the command line.
  public let arguments: [String]
  /// When the job must not begin new work any more.
  public let deadline: Deadline

  /// Whether a job must not begin new work any more: its time is over, or SIGTERM has come. May be called from any thread.
  public static func isOver(_ deadline: Deadline) -> Bool {
    deadline.hasPassed || isToldToStop.load(ordering: .relaxed)
  }

  private static let isToldToStop = Atomic(false)

  /// Runs a job and ends the process: with 0 when it did what it could, 1 when something failed, 78 when it cannot run at
  /// all.
  ///
  /// A job that `claims` must connect to PostgreSQL directly: its claims end with its connections.
  ///
  /// While another run of the job is at work on this host (by a lock in `BREAKER_DIR`), it waits for `waitSeconds` and then
  /// does nothing, so that runs never pile up. `parts` are arguments that each stand for a part of the job, with a lock of
  /// its own. A run with other arguments is a person's, and takes no lock.
  public static func run(
    _ name: String,
    usage: String,
    waitSeconds: Int = 0,
    parts: [String] = [],
    claims: Bool = true,
    _ body: (Job) throws -> (counts: Counts, failure: String?)
  ) -> Never {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.contains("--help") {
        print(usage)
        exit(0)
      }
      let resources = try resources(name)
      var lock: FileLock?
      if arguments.isEmpty || arguments.count == 1 && parts.contains(arguments[0]) {
        let folder = try resources.settings[.lockFolder]
        // Some jobs are run for more than one service.
        let words =
          [try resources.settings[.service]?.rawValue, name].compactMap { $0 } + arguments
        let file = words.joined(separator: "-")
        lock = folder.map { FileLock(path: "\($0)/\(file).lock") }
        guard isOnlyRun(lock, waitSeconds: waitSeconds) else {
          resources.log.write(.info, at: resources.now, message: "the last run is still at work")
          exit(0)
        }
        alarm(stuckSeconds)
      }
      let exitCode = withExtendedLifetime(lock) {
        run(name, resources, arguments, claims: claims, body)
      }
      exit(exitCode)
    } catch {
      Diagnostics.fail(name, error)
    }
  }

  private static func run(
    _ name: String,
    _ resources: Resources,
    _ arguments: [String],
    claims: Bool,
    _ body: (Job) throws -> (counts: Counts, failure: String?)
  ) -> Int32 {
    let start = Clock.now()
    // Work that has begun is finished, if that takes no longer than the ten seconds that cron allows.
    signal(SIGTERM) { _ in Job.isToldToStop.store(true, ordering: .relaxed) }
    let job = Job(
      name: name,
      resources: resources,
      arguments: arguments,
      deadline: Deadline(millisecondsFromNow: runSeconds * 1000)
    )
    var counts: Counts = [:]
    var failure: String?
    var exitCode: Int32 = 0
    do {
      try checkClock(resources)
      if claims { try checkConnection(resources) }
      (counts, failure) = try body(job)
      exitCode = failure == nil ? 0 : 1
    } catch {
      failure = Diagnostics.reason(of: error)
      exitCode = error is Settings.Invalid ? 78 : 1
    }
    let end = Clock.now()
    resources.log.write(failure == nil ? .info : .error, at: end) { line in
      line.member("exit_code", exitCode)
      line.name("duration_ms")
      line.value(milliseconds: end.microseconds - start.microseconds)
      for (name, count) in counts.all { line.member(name, count) }
      if let failure { line.member("error", failure) }
    }
    // For the person who typed the command, and for cron, which passes it on.
    if let failure, exitCode == 78 || !arguments.isEmpty { Diagnostics.complain(job.name, failure) }
    return exitCode
  }

  /// Makes this the only run on this host for as long as the lock lives. Without a lock, or when its file cannot be opened,
  /// nothing is kept from running: runs beside each other do no harm.
  ///
  /// - Returns: whether no other run is at work.
  private static func isOnlyRun(_ lock: FileLock?, waitSeconds: Int) -> Bool {
    guard let lock else { return true }
    let attempts = waitSeconds * 1_000_000 / Int(lockPauseMicroseconds) + 1
    return lock.acquire(attempts: attempts, pauseMicroseconds: lockPauseMicroseconds) != .isHeld
  }
}

extension Job {
  private static let databaseMilliseconds = 10_000

  /// The resources of a job. Its statements have more time than those of a request.
  ///
  /// - Throws: `Settings.Invalid`.
  public static func resources(_ name: String) throws -> Resources {
    try Resources(
      function: name,
      settings: .ofProcess,
      statementTimeoutMilliseconds: databaseMilliseconds
    )
  }

  /// Refuses to run by a clock that is wrong: one that is far ahead would send all reminders of the time between.
  ///
  /// - Throws: `Settings.Invalid`; `DatabaseError`.
  private static func checkClock(_ resources: Resources) throws {
    let drift = abs(try resources.databaseTime(by: statementDeadline).seconds - Clock.now().seconds)
    guard drift <= maximumDriftSeconds else {
      throw Settings.Invalid(
        message: "this host's clock and the database's are \(drift) seconds apart: nothing was done"
      )
    }
  }

  /// Refuses to run through a pooler, where claims would not end with their holder, and more than one could have them.
  ///
  /// - Throws: `Settings.Invalid`; `DatabaseError`.
  private static func checkConnection(_ resources: Resources) throws {
    guard try resources.connectsDirectly(by: statementDeadline) else {
      throw Settings.Invalid(
        message:
          "DATABASE_URL leads through a connection pooler, and this job must connect to PostgreSQL itself"
      )
    }
  }

  /// The end of the wait for a statement that begins now: in ten seconds.
  static var statementDeadline: Deadline { Deadline(millisecondsFromNow: databaseMilliseconds) }
}
