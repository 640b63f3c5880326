/// A setting: the environment variable that holds it, and the way in which its text becomes a value.
///
/// All of them are declared in `SettingDeclarations.swift`. Other modules can create none, so they cannot read a
/// variable that is not declared.
public struct Setting<Value: Sendable>: Sendable {
  /// Everything about the setting that does not depend on the type of its value.
  public let declaration: SettingDeclaration

  private let parse: @Sendable (String) throws -> Value?
  private let absent: @Sendable () throws -> Value?

  /// A setting with a default, whose text is read like any other.
  init(
    _ name: String,
    _ syntax: SettingSyntax<Value>,
    default text: String,
    for readers: SettingReaders,
    from origin: SettingDeclaration.Origin = .anywhere,
    _ sentence: String
  ) {
    declaration = SettingDeclaration(
      name: name,
      kind: syntax.kind,
      accepted: syntax.accepted,
      defaultText: text,
      whenAbsent: text,
      readers: readers,
      origin: origin,
      isSecret: false,
      sentence: sentence
    )
    parse = syntax.parse
    absent = { try syntax.parse(text) }
  }

  /// A setting without a default; `whenAbsent` tells what happens when it is not set.
  init<Wrapped>(
    _ name: String,
    _ syntax: SettingSyntax<Wrapped>,
    otherwise whenAbsent: String,
    for readers: SettingReaders,
    from origin: SettingDeclaration.Origin = .anywhere,
    isSecret: Bool = false,
    _ sentence: String
  ) where Value == Wrapped? {
    declaration = SettingDeclaration(
      name: name,
      kind: syntax.kind,
      accepted: syntax.accepted,
      defaultText: nil,
      whenAbsent: whenAbsent,
      readers: readers,
      origin: origin,
      isSecret: isSecret,
      sentence: sentence
    )
    parse = { text in try syntax.parse(text).map { .some($0) } }
    absent = { .some(nil) }
  }

  /// The value that a variable's text stands for; an empty one counts as not set.
  ///
  /// - Throws: `Settings.Invalid`.
  func value(of text: String?) throws -> Value {
    let isAbsent = text?.isEmpty ?? true
    do {
      if let value = isAbsent ? try absent() : try parse(text ?? "") { return value }
    } catch let error as SettingSyntax<Value>.Malformed {
      throw Settings.Invalid(message: "\(declaration.name): \(error.message)")
    }
    throw Settings.Invalid(message: "\(declaration.name) must be \(declaration.accepted)")
  }
}

/// Everything about a setting that does not depend on the type of its value.
public struct SettingDeclaration: Sendable {
  /// The kind of value, which tells scripts what to do with it.
  public enum Kind: String, Sendable {
    case number
    case word
    case text
    case url
    /// A file that its readers must be able to read.
    case file
    /// A file or folder that need not exist yet.
    case path
  }

  /// The source that a setting can come from.
  public enum Origin: String, Sendable {
    /// The environment or the settings file.
    case anywhere
    /// The environment alone: it is read before the settings file.
    case environment
    /// `scripts/run`, which works it out; a value in the operator's environment is ignored.
    case run
  }

  /// The environment variable.
  public let name: String
  /// The kind of value.
  public let kind: Kind
  /// A description of the valid values that can follow "must be".
  public let accepted: String
  /// The text that is read when the variable is not set, if there is one.
  public let defaultText: String?
  /// The default, or a description of what happens when the variable is not set.
  public let whenAbsent: String
  /// The executables and scripts that read it.
  public let readers: SettingReaders
  /// The source that it can come from.
  public let origin: Origin
  /// Whether its text may contain a password.
  public let isSecret: Bool
  /// One sentence about its purpose.
  public let sentence: String
}

/// A declared setting whose value can be checked but not read.
public struct DeclaredSetting: Sendable {
  /// The declaration.
  public let declaration: SettingDeclaration
  /// Throws `Settings.Invalid` for a text that the setting cannot have.
  public let check: @Sendable (_ text: String) throws -> Void

  init<Value>(_ setting: Setting<Value>) {
    declaration = setting.declaration
    check = { _ = try setting.value(of: $0) }
  }
}
