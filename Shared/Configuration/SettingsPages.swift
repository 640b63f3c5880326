import Runtime

/// The pages and lists that are made from the declarations, for people and for scripts.
public enum SettingsPages {
  /// The page `scripts/SETTINGS.md`.
  public static var reference: String {
    var lines = [
      "<!-- Made by scripts/generate from Shared/Runtime/SettingDeclarations.swift. -->",
      "",
      "# Settings",
      "",
      "Settings are environment variables of `scripts/run`; an empty one counts as not set.",
      "",
      "```sh",
      "BCRYPT_COST=13 PORT_OFFSET=1000 scripts/run",
      "scripts/run --config tasks.conf   # lines NAME=VALUE and comments; the environment wins over them",
      "scripts/run --settings            # every setting, its value, and where that comes from",
      "```",
      "",
      "`scripts/run` checks all of them before it starts anything. In a settings file, an unknown name is an error; in the",
      "environment, a name that is but a slip away from a setting is. Values in the file stand without quotes. A relative",
      "path starts in the folder in which `scripts/run` was called.",
    ]
    for (topic, settings) in DeclaredSetting.all {
      let declarations = settings.map(\.declaration).filter { $0.origin != .run }
      lines += ["", "## \(topic)", ""] + table(declarations)
    }
    let given = DeclaredSetting.all.flatMap(\.settings).map(\.declaration)
      .filter { $0.origin == .run }
    lines += [
      "", "## Set by scripts/run", "",
      "A function or a job that is started by hand needs these, too (see `.run/env/`).", "",
    ]
    lines += table(given)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func table(_ declarations: [SettingDeclaration]) -> [String] {
    [
      "| setting | meaning | value | default | read by |", "|---|---|---|---|---|",
    ]
      + declarations.map { setting in
        let notes: [String?] = [
          setting.sentence,
          setting.origin == .environment ? "Not in a settings file." : nil,
        ]
        let cells = [
          "`\(setting.name)`", notes.compactMap { $0 }.joined(separator: " "),
          setting.accepted.replacing("<", with: "\\<"),
          setting.defaultText.map { "`\($0)`" } ?? setting.whenAbsent, readers(of: setting),
        ]
        return "| \(cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ")) |"
      }
  }

  private static func readers(of setting: SettingDeclaration) -> String {
    let readers = setting.readers
    var parts: [String] = []
    let functions = readers.functions
    if functions.count == Service.allCases.count {
      parts.append("all functions")
    } else if !functions.isEmpty {
      parts.append("functions of \(functions.map(\.rawValue).joined(separator: ", "))")
    }
    if readers.includesAllJobs {
      parts.append("all jobs")
    } else {
      parts += readers.jobs.reduce(into: [(name: String, services: [String])]()) { jobs, job in
        if jobs.last?.name == job.name {
          jobs[jobs.count - 1].services.append(job.service.rawValue)
        } else {
          jobs.append((job.name, [job.service.rawValue]))
        }
      }
      .map { "\($0.name) (\($0.services.joined(separator: ", ")))" }
    }
    parts += readers.tools
    if readers.includesScripts { parts.append("scripts") }
    return parts.joined(separator: "; ")
  }

  /// The list `scripts/lib/settings.tsv`.
  public static var table: String {
    let columns = ["name", "kind", "default", "origin", "functions", "jobs", "tools"]
    var lines = [
      "# Made by scripts/generate from Shared/Runtime/SettingDeclarations.swift.",
      "# " + columns.joined(separator: "\t"),
    ]
    for setting in DeclaredSetting.all.flatMap(\.settings).map(\.declaration) {
      let readers = setting.readers
      let tools = readers.tools + (readers.includesScripts ? ["scripts"] : [])
      let cells = [
        setting.name, setting.kind.rawValue, setting.defaultText ?? "", setting.origin.rawValue,
        readers.functions.map(\.rawValue).joined(separator: ","),
        readers.jobs.map { "\($0.service.rawValue)/\($0.name)" }.joined(separator: ","),
        tools.joined(separator: ","),
      ]
      // bash reads two tabs as one.
      lines.append(cells.map { $0.isEmpty ? "-" : $0 }.joined(separator: "\t"))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
