import Glibc
import JSON
public import Runtime
import Synchronization
import Telemetry
public import Values

/// The `main` of what cron starts: one run, one line in the log, an exit code.
public struct Job {
  /// What a run did, by name, in the order of the log line.
  public struct Counts: ExpressibleByDictionaryLiteral {
    let all: [(name: StaticString, count: Int)]

    /// Counts by name.
    public init(_ all: [(name: StaticString, count: Int)]) { self.all = all }

    /// Counts by name.
    public init(dictionaryLiteral all: (StaticString, Int)...) {
      self.all = all.map { (name: $0.0, count: $0.1) }
    }
  }

  /// How long a run may take on new work, in seconds: cron starts the next one after a minute.
  private static let runSeconds = 58
  /// When a run that hangs is ended by force, in seconds: a new mail may begin at the end, and takes its time.
  private static let stuckSeconds: UInt32 = 300
  /// How far this host's clock may be from the database's, in seconds: others read what is written by it.
  private static let maximumDriftSeconds: Int64 = 60

  /// What the executable is called.
  let name: String
  /// What the job is built from.
  public let resources: Resources
  /// What stood behind its name.
  public let arguments: [String]
  /// When it must not begin anything new any more.
  public let deadline: Deadline

  /// Whether it must not begin anything new any more: its time is over, or SIGTERM has come. From any thread.
  public static func isOver(_ deadline: Deadline) -> Bool {
    deadline.hasPassed || isToldToStop.load(ordering: .relaxed)
  }

  private static let isToldToStop = Atomic(false)

  /// Runs a job and ends the process: 0 when it did what it could, 1 when something failed, 78 when it cannot run at all.
  ///
  /// While another run of it is at work on this host (by a lock in `BREAKER_DIR`), it waits for `waitSeconds` and then does
  /// nothing; so it never piles up. `parts` are what a run may be told to do alone, each with a lock of its own. With other
  /// arguments it is a person's run, and looks at no lock.
  public static func run(
    _ name: String,
    usage: String,
    waitSeconds: Int = 0,
    parts: [String] = [],
    _ body: (Job) throws -> (counts: Counts, failure: String?)
  ) -> Never {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.contains("--help") {
        print(usage)
        exit(0)
      }
      let resources = try resources(name)
      if arguments.isEmpty || arguments.count == 1 && parts.contains(arguments[0]) {
        let folder = resources.settings.text("BREAKER_DIR")
        // Some jobs are run for more than one service.
        let words = [resources.settings.text("SERVICE"), name].compactMap { $0 } + arguments
        let file = words.joined(separator: "-")
        guard takeLock(folder.map { "\($0)/\(file).lock" }, waitSeconds: waitSeconds) else {
          resources.log.write(.info, at: resources.now, message: "the last run is still at work")
          exit(0)
        }
        alarm(stuckSeconds)
      }
      exit(run(name, resources, arguments, body))
    } catch {
      Diagnostics.fail(name, error)
    }
  }

  private static func run(
    _ name: String,
    _ resources: Resources,
    _ arguments: [String],
    _ body: (Job) throws -> (counts: Counts, failure: String?)
  ) -> Int32 {
    let start = Clock.now()
    // What is in its hands is finished, as far as that takes no longer than the ten seconds that cron gives it.
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
    // For the person who has typed it, and for cron, which passes it on.
    if let failure, exitCode == 78 || !arguments.isEmpty { Diagnostics.complain(job.name, failure) }
    return exitCode
  }

  /// Whether this is the only run on this host from now on, for as long as the process lives. Without a path, or when the
  /// file cannot be had, nobody is kept away: runs beside each other do no harm.
  private static func takeLock(_ path: String?, waitSeconds: Int) -> Bool {
    guard let path else { return true }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o660)
    guard descriptor >= 0 else { return true }
    let deadline = Deadline(millisecondsFromNow: waitSeconds * 1000)
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if deadline.hasPassed { return false }
      usleep(100_000)
    }
    return true
  }
}

extension Job {
  private static let databaseMilliseconds = 10_000

  /// What a job is built from: its statements have more time than those of a request.
  ///
  /// - Throws: `Settings.Invalid`.
  public static func resources(_ name: String) throws -> Resources {
    try Resources(
      function: name,
      settings: .ofProcess,
      statementTimeoutMilliseconds: databaseMilliseconds
    )
  }

  /// A clock that is far ahead would settle all reminders of the time between.
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

  /// The end of the wait for a statement that begins now: in ten seconds.
  static var statementDeadline: Deadline { Deadline(millisecondsFromNow: databaseMilliseconds) }
}
