import Foundation

/// What the `.proto` files say, read as text: every message with its fields, every call.
///
/// So whatever is added there is asked for by the tests without anyone having to think of it.
struct Contract {
  struct Field {
    let name: String
    /// With its package, but for the types of the language.
    let type: String
    let isRepeated: Bool
    let isMap: Bool
  }

  /// The fields of each message by its full name (`task.v1.Task`).
  private(set) var messages: [String: [Field]] = [:]
  /// The values of each enumeration by its full name.
  private(set) var enumerations: [String: [String]] = [:]
  /// The full names of the messages that calls take.
  private(set) var requests: Set<String> = []
  /// The full names of the messages that calls give back.
  private(set) var responses: Set<String> = []

  /// A line that this reader, which knows only as much as the files use, does not understand.
  struct Unreadable: Error { let line: String }

  /// Reads the files of the repository.
  init() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Shared/API/Protos")
    let paths = try FileManager.default.subpathsOfDirectory(atPath: root.path)
    for path in paths where path.hasSuffix(".proto") {
      let package = path.split(separator: "/").dropLast().joined(separator: ".")
      try read(String(contentsOf: root.appending(path: path), encoding: .utf8), package: package)
    }
  }

  private mutating func read(_ text: String, package: String) throws {
    func full(_ type: Substring) -> String {
      type.first?.isUppercase == true ? "\(package).\(type)" : String(type)
    }
    var block: (kind: String, name: String) = ("", "")
    for line in text.split(separator: "\n") {
      let code = line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex)
      let words = code.split { " \t;,()<>=".contains($0) }
      switch (block.kind, words.first) {
      case (_, nil), ("", "syntax"), ("", "package"), ("", "import"): break
      case ("", "message"), ("", "enum"), ("", "service"):
        block = (String(words[0]), full(words[1]))
        if block.kind == "message" { messages[block.name] = [] }
      case (_, "}"): block = ("", "")
      case ("enum", _): enumerations[block.name, default: []].append(String(words[0]))
      case ("service", "rpc"):
        requests.insert(full(words[2]))
        responses.insert(full(words[4]))
      case ("message", "map"):
        messages[block.name]?.append(
          Field(name: String(words[3]), type: full(words[2]), isRepeated: false, isMap: true)
        )
      case ("message", _) where !code.contains("{"):
        let rest = ["optional", "repeated"].contains(words[0]) ? words[1...] : words[...]
        guard let type = rest.first, let name = rest.dropFirst().first else {
          throw Unreadable(line: String(line))
        }
        messages[block.name]?.append(
          Field(
            name: String(name),
            type: full(type),
            isRepeated: words[0] == "repeated",
            isMap: false
          )
        )
      default: throw Unreadable(line: String(line))
      }
    }
  }

  /// The names of a message's fields.
  func fields(of message: String) -> Set<String> { Set((messages[message] ?? []).map(\.name)) }

  /// A message as JSON in which every field is set, but for some; no two texts in it are the same.
  func json(of message: String, omitting: Set<String> = []) throws -> String {
    guard let fields = messages[message] else { throw Unreadable(line: message) }
    let members = try fields.filter { !omitting.contains($0.name) }.map { field in
      var value = try value(field.type, field.name)
      if field.isRepeated { value = "[\(value),\(value)]" }
      if field.isMap { value = "{\"one\":\(value),\"two\":\(value)}" }
      return "\"\(field.name)\":\(value)"
    }
    return "{" + members.joined(separator: ",") + "}"
  }

  private func value(_ type: String, _ name: String) throws -> String {
    switch type {
    case "string": return "\"the \(name), \\\"é\\\"\""
    case "bool": return "true"
    case "int32": return "-7"
    // More than a floating point number can tell from its neighbour.
    case "int64": return "9007199254740993"
    case "google.protobuf.Timestamp": return "\"2026-11-22T10:00:00.123456Z\""
    case "google.protobuf.FieldMask": return "\"\(name)\""
    default:
      if let last = enumerations[type]?.last { return "\"\(last)\"" }
      return try json(of: type)
    }
  }
}
