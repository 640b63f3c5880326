/// A settings file: lines `NAME=VALUE`, empty lines, and comments, whose first character is `#`.
///
/// A value is taken literally, without the spaces around it: quotes have no meaning, and neither has a `#` after it.
public struct SettingsFile: Sendable {
  /// A setting with the number of its line.
  public struct Entry: Equatable, Sendable {
    /// The text after the `=`.
    public let text: String
    /// The line, counted from 1.
    public let line: Int
  }

  /// The settings by name.
  public let entries: [String: Entry]
  /// A sentence for each malformed line.
  public let problems: [String]

  /// Reads the content of a file.
  public init(parsing bytes: [UInt8]) {
    var entries: [String: Entry] = [:]
    var problems: [String] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      let number = index + 1
      let line = bytes.trimmingSpaces
      if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")),
        let name = Self.name(line[..<equals].trimmingSpaces)
      else {
        problems.append("line \(number) is not NAME=VALUE")
        continue
      }
      guard let text = String(validating: line[(equals + 1)...].trimmingSpaces, as: UTF8.self)
      else {
        problems.append("line \(number): \(name) is not UTF-8")
        continue
      }
      if let first = entries[name] {
        problems.append("line \(number): \(name) is already set in line \(first.line)")
      } else if text.utf8.count > 1, let quote = text.utf8.first, text.utf8.last == quote,
        quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
      {
        problems.append("line \(number): \(name) must be written without quotes")
      } else {
        entries[name] = Entry(text: text, line: number)
      }
    }
    self.entries = entries
    self.problems = problems
  }

  private static func name(_ bytes: ArraySlice<UInt8>) -> String? {
    let isName =
      bytes.allSatisfy {
        switch $0 {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
          true
        default: false
        }
      } && !bytes.isEmpty
    return isName ? String(decoding: bytes, as: UTF8.self) : nil
  }
}

extension ArraySlice<UInt8> {
  fileprivate var trimmingSpaces: ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D].contains(byte) }
    var rest = drop(while: isSpace)
    while let last = rest.last, isSpace(last) { rest.removeLast() }
    return rest
  }
}
