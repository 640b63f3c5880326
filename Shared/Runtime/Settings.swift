import Glibc
public import Telemetry
public import Validation

/// What the environment says. Every setting has a default but for the database and the key ring.
public struct Settings: Sendable {
  /// A setting that cannot be used, or is missing.
  public struct Invalid: OperatorError {
    /// One sentence that names the variable.
    public let message: String

    /// A reason.
    public init(message: String) { self.message = message }
  }

  private let variables: [String: String]

  /// Settings from variables.
  public init(_ variables: [String: String]) { self.variables = variables }

  /// The settings of this process.
  public static var ofProcess: Settings {
    var variables: [String: String] = [:]
    var entry = environ
    while let variable = entry.pointee {
      let text = String(cString: variable)
      if let separator = text.firstIndex(of: "=") {
        variables[String(text[..<separator])] = String(text[text.index(after: separator)...])
      }
      entry += 1
    }
    return Settings(variables)
  }

  /// A text; `nil` when it is not set or empty.
  public func text(_ name: String) -> String? {
    guard let value = variables[name], !value.isEmpty else { return nil }
    return value
  }

  /// A text that must be set.
  ///
  /// - Throws: `Invalid`.
  public func required(_ name: String) throws -> String {
    guard let value = text(name) else { throw Invalid(message: "\(name) is not set") }
    return value
  }

  /// A whole number in a range.
  ///
  /// - Throws: `Invalid`.
  public func integer(_ name: String, default: Int, in range: ClosedRange<Int>) throws -> Int {
    guard let text = text(name) else { return `default` }
    guard let number = Int(text), range.contains(number) else {
      throw Invalid(
        message: "\(name) must be a number from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return number
  }

  /// One of some words, the first by default.
  ///
  /// - Throws: `Invalid`.
  public func choice(_ name: String, _ words: [String], default: String) throws -> String {
    guard let text = text(name) else { return `default` }
    guard words.contains(text) else {
      throw Invalid(message: "\(name) must be one of \(words.joined(separator: ", "))")
    }
    return text
  }

  /// The bcrypt cost.
  public var bcryptCost: Int { get throws { try integer("BCRYPT_COST", default: 12, in: 4...15) } }

  /// Whether anybody may sign up.
  public var signUpIsOpen: Bool {
    get throws { try choice("SIGN_UP", ["open", "closed"], default: "open") == "open" }
  }

  /// How long a request may take, in milliseconds.
  public var deadlineMilliseconds: Int {
    get throws { try integer("REQUEST_DEADLINE_MS", default: 3700, in: 10...3700) }
  }

  /// What the log leaves out.
  public var logLevel: Log.Level {
    get throws {
      let names = Log.Level.allCases.map(\.name)
      let name = try choice("LOG_LEVEL", names, default: "info")
      return Log.Level.allCases.first { $0.name == name } ?? .info
    }
  }

  /// How long before a task's due date its owner is reminded.
  public var leadTimes: LeadTimes {
    get throws {
      guard let text = text("REMINDER_LEAD_TIMES") else { return .usual }
      do {
        return try LeadTimes(text == "none" ? "" : text)
      } catch let error as LeadTimes.Malformed {
        throw Invalid(message: "REMINDER_LEAD_TIMES: \(error.message)")
      }
    }
  }

  /// Whether push services may be in our own network, which who subscribes could then have us connect to.
  public var allowsPrivatePushServices: Bool {
    get throws {
      try choice("PUSH_PRIVATE_ADDRESSES", ["deny", "allow"], default: "deny") == "allow"
    }
  }

  /// How clients reach the gateway from outside, without a slash at the end; `nil` when nobody has said.
  public var publicURL: String? {
    get throws {
      guard var url = text("PUBLIC_URL") else { return nil }
      while url.hasSuffix("/") { url.removeLast() }
      let isURL = ["https://", "http://"].contains {
        url.hasPrefix($0) && url.utf8.count > $0.count
      }
      guard isURL, url.utf8.count <= 500, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw Invalid(message: "PUBLIC_URL must be an https: URL such as https://tasks.example.com")
      }
      return url
    }
  }

  /// How long a process may hold what it has taken to send, in seconds, before another one takes it over.
  public var holdSeconds: Int {
    get throws { try integer("HOLD_SECONDS", default: 300, in: 5...3600) }
  }
}
