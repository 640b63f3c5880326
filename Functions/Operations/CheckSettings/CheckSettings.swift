import Configuration
import Glibc
import Notifications
import PostgreSQL
import Runtime
import Tokens

/// `check-settings`: checks the settings in the environment and in a settings file, before anything is started.
@main
struct CheckSettings {
  private static let usage = """
    check-settings: checks all settings against their declarations

    Usage: check-settings --check [--config FILE]     reports faults on standard error, with exit status 1 if there are
                                                      any; prints the valid settings of the file
           check-settings --settings [--config FILE]  lists all settings with their values, passwords masked
           check-settings --reference                 writes scripts/SETTINGS.md
           check-settings --table                     writes scripts/lib/settings.tsv
    """

  static func main() {
    do {
      let arguments = CommandLine.arguments.dropFirst(2)
      switch (CommandLine.arguments.dropFirst().first, arguments.count) {
      case ("--help", 0): print(usage)
      case ("--reference", 0): print(SettingsPages.reference, terminator: "")
      case ("--table", 0): print(SettingsPages.table, terminator: "")
      case ("--settings", _): print(try report(arguments).listing)
      case ("--check", _): check(try report(arguments))
      default: throw Settings.Invalid(message: "unknown arguments; try --help")
      }
    } catch {
      Diagnostics.fail("check-settings", error)
    }
  }

  private static func check(_ report: SettingsReport) {
    for line in report.linesOfFile { print(line) }
    for problem in report.problems { StandardStreams.complain(problem) }
    if !report.problems.isEmpty { exit(1) }
  }

  private static func report(_ arguments: ArraySlice<String>) throws -> SettingsReport {
    let arguments = Array(arguments)
    guard arguments.isEmpty || arguments.count == 2 && arguments[0] == "--config" else {
      throw Settings.Invalid(message: "unknown arguments; try --help")
    }
    let fileName = arguments.last
    return SettingsReport(
      environment: Settings.environment,
      file: try fileName.map { SettingsFile(parsing: try content(of: $0)) },
      fileName: fileName ?? "",
      checks: checks.merging(Settings.notificationChecks) { one, _ in one }
    )
  }

  /// The checks that go beyond the form of a value, or that only a library can make.
  private static var checks: [String: SettingsReport.Check] {
    var checks: [String: SettingsReport.Check] = [
      "JWT_KEYS_FILE": { settings in
        do {
          _ = try KeyRingFile(path: settings.required(.keysFile)).current(at: Clock.now())
        } catch let error as KeyRing.Malformed {
          throw Settings.Invalid(message: "JWT_KEYS_FILE: \(error.message)")
        }
      }
    ]
    let databases: [Setting<String?>] = [
      .userDatabaseURL, .taskDatabaseURL, .notificationDatabaseURL, .userDatabaseOwnerURL,
      .taskDatabaseOwnerURL, .notificationDatabaseOwnerURL, .userDatabaseDirectURL,
      .taskDatabaseDirectURL, .notificationDatabaseDirectURL,
    ]
    for setting in databases {
      let (name, accepted) = (setting.declaration.name, setting.declaration.accepted)
      checks[name] = { settings in
        guard ConnectionString.isValid(try settings.required(setting)) else {
          throw Settings.Invalid(message: "\(name) must be \(accepted)")
        }
      }
    }
    return checks
  }

  private static func content(of path: String) throws -> [UInt8] {
    let failure = { (reason: String) in
      Settings.Invalid(message: "the settings file \(path) cannot be read: \(reason)")
    }
    guard let file = fopen(path, "re") else { throw failure(String(cString: strerror(errno))) }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1_000_001)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0 else { throw failure(String(cString: strerror(errno))) }
    guard count < bytes.count else { throw failure("it is too large") }
    return Array(bytes[..<count])
  }
}
