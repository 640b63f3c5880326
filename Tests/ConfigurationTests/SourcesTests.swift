import Configuration
import Foundation
import Runtime
import Testing

/// Compares the sources with the declarations.
struct `The sources` {
  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  private static let declared = Set(DeclaredSetting.all.flatMap(\.settings).map(\.declaration.name))

  private static func files(below folder: String) throws -> [(path: String, text: String)] {
    let base = root.appending(path: folder)
    let found = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
    return try (found?.compactMap { $0 as? URL } ?? [])
      .filter { url in
        let isText = !["binpb", "pyc"].contains(url.pathExtension)
        return isText && !url.hasDirectoryPath
      }
      .map { ($0.path.replacing(root.path, with: ""), try String(contentsOf: $0, encoding: .utf8)) }
  }

  private static func names(of pattern: Regex<(Substring, Substring)>, in text: String) -> Set<
    String
  > {
    Set(text.matches(of: pattern).map { String($0.output.1) })
  }

  @Test func `declare every setting in the list of all`() throws {
    let file = try #require(
      try Self.files(below: "Shared/Runtime").first {
        $0.path.hasSuffix("SettingDeclarations.swift")
      }
    )
    let found = Self.names(of: /\.init\(\s*"([A-Z][A-Z_]+)",/, in: file.text)
    #expect(found.symmetricDifference(Self.declared).isEmpty)
  }

  @Test func `read no variable but by its declaration`() throws {
    // CGI variables are not settings, and no other name is known before the program runs.
    let allowed = [
      "/Shared/Runtime/Settings.swift": "environ", "/Shared/Serving/Serving.swift": "getenv(",
    ]
    for folder in ["Shared", "Functions"] {
      for file in try Self.files(below: folder) where file.path.hasSuffix(".swift") {
        for call in ["getenv(", "secure_getenv(", "environ.", "environ\n", "ProcessInfo"] {
          let isAllowed = allowed[file.path].map { call.hasPrefix($0) } ?? false
          #expect(isAllowed || !file.text.contains(call), "\(file.path): \(call)")
        }
      }
    }
  }

  @Test func `of the scripts expand no variable that is not declared`() throws {
    // The shell's own, and those that a script takes from the user's session.
    let standard: Set<String> = ["BASH_SOURCE", "HOME", "PATH"]
    var seen: Set<String> = []
    for file in try Self.files(below: "scripts")
    where file.text.hasPrefix("#!/usr/bin/env bash")
      || file.text.hasPrefix("# shellcheck shell=bash")
    {
      let code = file.text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("#") }
        .joined(separator: "\n")
      let expanded = Self.names(of: /\$\{?[!#]?([A-Z][A-Z0-9_]+)/, in: code)
        .union(Self.names(of: /\bsetting ([A-Z][A-Z0-9_]+)/, in: code))
      #expect(expanded.subtracting(Self.declared).subtracting(standard).isEmpty, "\(file.path)")
      seen.formUnion(expanded)
    }
    #expect(seen.contains("PORT_OFFSET") && seen.contains("STATE_DIR"))
  }

  @Test func `of the scripts in Python read no variable at all`() throws {
    for file in try Self.files(below: "scripts")
    where file.text.contains("import os") || file.path.hasSuffix(".py") {
      #expect(!file.text.contains("os.environ") && !file.text.contains("getenv"), "\(file.path)")
    }
  }

  @Test func `start the jobs that the declarations know, for the same services`() throws {
    let file = try #require(
      try Self.files(below: "scripts").first { $0.path == "/scripts/crontab" }
    )
    let started = Set(
      file.text.matches(of: /run-job ([a-z]+) ([a-z-]+)/).map { "\($0.output.1)/\($0.output.2)" }
    )
    let level = try #require(
      DeclaredSetting.all.flatMap(\.settings).first { $0.declaration.name == "LOG_LEVEL" }
    )
    #expect(Set(level.declaration.readers.jobs.map { "\($0.service)/\($0.name)" }) == started)
  }

  @Test func `contain the pages that are made from the declarations`() throws {
    let files = try Self.files(below: "scripts")
    #expect(files.first { $0.path == "/scripts/SETTINGS.md" }?.text == SettingsPages.reference)
    #expect(files.first { $0.path == "/scripts/lib/settings.tsv" }?.text == SettingsPages.table)
  }
}
