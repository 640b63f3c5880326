import Glibc
public import Runtime

/// All settings with their values, the sources of these, and their faults.
public struct SettingsReport {
  /// The source of a value.
  public enum Source: Equatable, Sendable {
    case absent
    case environment
    case file(line: Int)
  }

  /// One setting.
  public struct Entry {
    /// The setting.
    public let declaration: SettingDeclaration
    /// The text that is used; `nil` when the setting is not set.
    public let text: String?
    /// The source that it comes from.
    public let source: Source
    /// The line of the settings file that is ignored because the environment sets the variable, too.
    public let overruledLine: Int?
    /// One sentence that begins with the setting's name; `nil` when the value is valid.
    public internal(set) var problem: String?
  }

  /// A closer check of a setting that is set and well-formed.
  public typealias Check = (Settings) throws -> Void

  /// The settings that an operator can set, by topic.
  public let topics: [(name: String, entries: [Entry])]
  /// A sentence for each fault that is not one of a single value.
  public let otherProblems: [String]
  private let fileName: String

  /// A report on an environment and, if there is one, a settings file, over which the environment takes precedence.
  ///
  /// `checks`, by the names of settings, go beyond the declarations.
  public init(
    environment: [String: String],
    file: SettingsFile? = nil,
    fileName: String = "",
    checks: [String: Check] = [:]
  ) {
    self.fileName = fileName
    let declared = DeclaredSetting.all
    var topics = declared.map { topic, settings in
      let entries = settings.filter { $0.declaration.origin != .run }
        .map { Self.entry(of: $0, environment, file) }
      return (name: topic, entries: entries)
    }
    let values = topics.flatMap(\.entries).reduce(into: [:]) { $0[$1.declaration.name] = $1.text }
    let settings = Settings(values)
    for topic in topics.indices {
      for place in topics[topic].entries.indices {
        let entry = topics[topic].entries[place]
        guard entry.problem == nil, entry.text != nil, let check = checks[entry.declaration.name]
        else { continue }
        do {
          try check(settings)
        } catch {
          topics[topic].entries[place].problem = Diagnostics.reason(of: error)
        }
      }
    }
    self.topics = topics
    otherProblems =
      Self.problems(of: environment) + Self.problems(of: file, named: fileName)
      + Self.problems(between: values)
  }

  /// The valid settings that come from the file, as `NAME=VALUE`.
  public var linesOfFile: [String] {
    topics.flatMap(\.entries).filter { $0.problem == nil }
      .compactMap {
        if case .file = $0.source, let text = $0.text {
          "\($0.declaration.name)=\(text)"
        } else {
          nil
        }
      }
  }

  /// A sentence for each fault.
  public var problems: [String] {
    topics.flatMap(\.entries).compactMap { entry in
      entry.problem.map { problem in
        // A value that may contain a password is not quoted at all, nor is the end of a long one.
        guard !entry.declaration.isSecret else { return "\(problem) (\(place(of: entry)))" }
        return "\(problem) (it is '\(shown(entry).prefix(80))', \(place(of: entry)))"
      }
    } + otherProblems
  }

  /// A list for people: each setting with its value, the source of this, and its fault.
  public var listing: String {
    let all = topics.flatMap(\.entries)
    let names = all.map(\.declaration.name.count).max() ?? 0
    let values = min(48, all.map { shown($0).count }.max() ?? 0)
    var lines: [String] = []
    for (topic, entries) in topics {
      lines.append(topic)
      for entry in entries {
        let name = entry.declaration.name.padded(to: names)
        var line = "  \(name)  \(shown(entry).padded(to: values))  \(place(of: entry))"
        if let overruled = entry.overruledLine {
          line += " (which wins over \(fileName):\(overruled))"
        }
        lines.append(line)
        if let problem = entry.problem { lines.append("  ! wrong: \(problem)") }
      }
      lines.append("")
    }
    lines += otherProblems.map { "! wrong: \($0)" }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n")
  }

  private func shown(_ entry: Entry) -> String {
    guard let text = entry.text else {
      return entry.declaration.defaultText
        ?? "(\(entry.declaration.whenAbsent.replacing("`", with: "")))"
    }
    return Masking.masked(text, isSecret: entry.declaration.isSecret)
  }

  private func place(of entry: Entry) -> String {
    switch entry.source {
    case .absent: "default"
    case .environment: "environment"
    case .file(let line): "\(fileName):\(line)"
    }
  }
}

extension SettingsReport {
  private static func entry(
    of setting: DeclaredSetting,
    _ environment: [String: String],
    _ file: SettingsFile?
  ) -> Entry {
    let declaration = setting.declaration
    let inEnvironment = environment[declaration.name].flatMap { $0.isEmpty ? nil : $0 }
    let inFile = declaration.origin == .environment ? nil : file?.entries[declaration.name]
    let fromFile = inFile.flatMap { $0.text.isEmpty ? nil : $0 }
    let text = inEnvironment ?? fromFile?.text
    let source: Source =
      inEnvironment != nil ? .environment : fromFile.map { .file(line: $0.line) } ?? .absent
    return Entry(
      declaration: declaration,
      text: text,
      source: source,
      overruledLine: inEnvironment == nil ? nil : inFile?.line,
      problem: text.flatMap { problem(of: $0, setting) }
    )
  }

  private static func problem(of text: String, _ setting: DeclaredSetting) -> String? {
    let declaration = setting.declaration
    do {
      try setting.check(text)
    } catch {
      return Diagnostics.reason(of: error)
    }
    if let reason = unfit(text, for: declaration) { return "\(declaration.name) \(reason)" }
    if declaration.kind == .file, access(text, R_OK) != 0 {
      let reason = String(cString: strerror(errno))
      return "\(declaration.name): the file cannot be read: \(reason)"
    }
    return nil
  }

  /// The reason why a text cannot be passed on. The process manager's file has quotes but no way to escape them, and
  /// reads some characters as the start of a comment, even within quotes.
  private static func unfit(_ text: String, for declaration: SettingDeclaration) -> String? {
    if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      return "must not contain control characters"
    }
    let readers = declaration.readers
    guard !readers.functions.isEmpty || !readers.jobs.isEmpty else { return nil }
    if text.utf8.contains(where: { [0x22, 0x27, 0x5C].contains($0) }) {
      return "must not contain quotes or backslashes (in a URL, percent-encode them)"
    }
    if text.contains(" ;") || text.contains(" #") {
      return "must not contain a semicolon or a number sign after a space"
    }
    return nil
  }

  private static func problems(of environment: [String: String]) -> [String] {
    environment.filter { !$0.value.isEmpty }.keys.sorted()
      .compactMap { name in
        SettingNames.meant(by: name)
          .map { "\(name) in the environment is not a setting: did you mean \($0)?" }
      }
  }

  private static func problems(of file: SettingsFile?, named fileName: String) -> [String] {
    guard let file else { return [] }
    let origins = DeclaredSetting.all.flatMap(\.settings).map(\.declaration)
      .reduce(into: [:]) { $0[$1.name] = $1.origin }
    let names = file.entries.sorted { $0.value.line < $1.value.line }
      .compactMap { name, entry -> String? in
        switch origins[name] {
        case .anywhere: nil
        case .environment:
          "line \(entry.line): \(name) is needed before this file is read: set it in the environment"
        case .run: "line \(entry.line): \(name) is set by scripts/run itself"
        case nil:
          "line \(entry.line): \(name) is not a setting"
            + (SettingNames.nearest(to: name).map { ": did you mean \($0)?" } ?? "")
        }
      }
    return (file.problems + names).map { "\(fileName), \($0)" }
  }

  private static func problems(between values: [String: String]) -> [String] {
    var problems: [String] = []
    for group in DeclaredSetting.together.map({ $0.map(\.name) }) {
      let missing = group.filter { values[$0] == nil }
      guard !missing.isEmpty, missing.count < group.count else { continue }
      problems.append(
        "\(missing.joined(separator: " and ")) must be set, too: \(group.joined(separator: ", ")), or none of them"
      )
    }
    for (dependent, other) in DeclaredSetting.dependent
    where values[dependent.name] != nil && values[other.name] == nil {
      problems.append("\(dependent.name) has no effect unless \(other.name) is set")
    }
    return problems
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
