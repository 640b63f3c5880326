import Glibc

/// The settings of a process: environment variables, each read by its declaration.
///
/// `try settings[.bcryptCost]` is a number in its range. The declarations are in `SettingDeclarations.swift`.
public struct Settings: Sendable {
  /// A setting is not valid, or is missing.
  public struct Invalid: OperatorError {
    /// One sentence that names the variable.
    public let message: String

    /// An error with a message.
    public init(message: String) { self.message = message }
  }

  private let variables: [String: String]

  /// Settings from variables.
  public init(_ variables: [String: String]) { self.variables = variables }

  /// The settings of this process.
  public static var ofProcess: Settings { Settings(environment) }

  /// All environment variables of this process, settings or not.
  public static var environment: [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let variable = entry.pointee {
      let text = String(cString: variable)
      if let separator = text.firstIndex(of: "=") {
        variables[String(text[..<separator])] = String(text[text.index(after: separator)...])
      }
      entry += 1
    }
    return variables
  }

  /// The value of a setting: its default when the variable is not set, or empty.
  ///
  /// - Throws: `Invalid`.
  public subscript<Value>(_ setting: Setting<Value>) -> Value {
    get throws { try setting.value(of: variables[setting.declaration.name]) }
  }

  /// The value of a setting that has no default and must be set.
  ///
  /// - Throws: `Invalid`.
  public func required<Value>(_ setting: Setting<Value?>) throws -> Value {
    guard let value = try self[setting] else {
      throw Invalid(message: "\(setting.declaration.name) is not set")
    }
    return value
  }
}
