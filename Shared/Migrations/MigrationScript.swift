/// The text of a migration: how it is to be applied, and its statements.
///
/// A comment that begins with `migrate:` is a mark:
///
/// - `-- migrate: outside a transaction`, the first line: each statement is its own transaction.
/// - `-- migrate: in batches, rows: SELECT …`, before a statement of such a migration: the statement is repeated until it
///   finds no more rows. The query, which may be left out, estimates their number for the report.
struct MigrationScript {
  /// A statement that is a transaction of its own.
  struct Step: Equatable {
    /// The statement without the semicolon that ends it.
    fileprivate(set) var text: String
    /// The first line of the statement, from 1.
    let line: Int
    /// Whether it is repeated until it finds no more rows.
    let isInBatches: Bool
    /// The query for the number of rows that all batches will handle.
    let estimate: String?
    /// The name of the index that it creates concurrently.
    fileprivate(set) var index: String?
    /// Whether it is an index that is created or dropped while others go on writing.
    fileprivate(set) var isConcurrent = false
  }

  /// The reason why a text is not a valid migration.
  struct Invalid: Error, Equatable {
    /// Begins with the number of the line.
    let message: String
  }

  private static let outside = "outside a transaction"
  private static let batches = "in batches"

  /// The statements of a migration that runs outside a transaction; `nil` when it is one transaction.
  let steps: [Step]?

  /// Reads the text of a migration.
  ///
  /// - Throws: `Invalid` for a mark that is unknown or in the wrong place, and for a statement that could not be run again.
  init(_ text: String) throws {
    var scanner = Scanner(text)
    var steps: [Step] = []
    var isOutside = false
    var batches: Mark?
    while let token = scanner.next() {
      switch token {
      case .mark(let mark) where mark.text == Self.outside:
        guard mark.line == 1 else { throw mark.invalid("must be the first line of the file") }
        isOutside = true
      case .mark(let mark):
        guard mark.text == Self.batches || mark.text.hasPrefix(Self.batches + ", rows: ") else {
          throw mark.invalid("is not known")
        }
        guard isOutside else {
          throw mark.invalid("needs the first line \"-- migrate: \(Self.outside)\"")
        }
        guard batches == nil else { throw mark.invalid("follows another one") }
        batches = mark
      case .statement(let text, let line):
        let estimate = batches?.text.dropFirst(Self.batches.count + ", rows: ".count)
        steps.append(
          Step(
            text: text,
            line: line,
            isInBatches: batches != nil,
            estimate: estimate.flatMap { $0.isEmpty ? nil : String($0) }
          )
        )
        batches = nil
      }
    }
    if let batches { throw batches.invalid("has no statement behind it") }
    self.steps = isOutside ? try steps.map(Self.checked) : nil
  }

  /// Checks that a statement can be run again after it was cut off.
  private static func checked(_ step: Step) throws -> Step {
    let words = Scanner.words(of: step.text, atMost: 9)
    let upper = words.map { $0.uppercased() }
    if step.isInBatches {
      guard step.text.contains(":after") else {
        throw Invalid(
          message: "line \(step.line): a statement in batches must continue after the key :after"
        )
      }
      return step
    }
    var step = step
    step.isConcurrent = upper.prefix(5).contains("CONCURRENTLY")
    guard upper.first == "CREATE", let place = upper.firstIndex(of: "INDEX"), place <= 2,
      upper.dropFirst(place + 1).first == "CONCURRENTLY"
    else { return step }
    guard upper.dropFirst(place + 2).prefix(3) == ["IF", "NOT", "EXISTS"], words.count > place + 5
    else {
      throw Invalid(
        message:
          "line \(step.line): write CREATE INDEX CONCURRENTLY IF NOT EXISTS and a name, so that it can be run again"
      )
    }
    step.index = words[place + 5]
    return step
  }

  private struct Mark {
    let text: String
    let line: Int

    func invalid(_ reason: String) -> Invalid {
      Invalid(message: "line \(line): the mark \"\(text)\" \(reason)")
    }
  }

  private enum Token {
    case mark(Mark)
    case statement(text: String, line: Int)
  }

  /// Cuts a text at the semicolons that are neither in a literal, a quoted name, a comment nor between dollar quotes.
  ///
  /// Source: PostgreSQL manual §4.1 (Lexical Structure).
  private struct Scanner {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    init(_ text: String) { bytes = Array(text.utf8) }

    /// The next mark or statement. A statement begins behind the comments in front of it.
    mutating func next() -> Token? {
      var start: (position: Int, line: Int)?
      while let byte = byte(0) {
        switch byte {
        case UInt8(ascii: "-") where self.byte(1) == byte:
          let (comment, line) = (self.comment(), self.line)
          if start == nil, let mark = Self.mark(comment) {
            return .mark(Mark(text: mark, line: line))
          }
          continue
        case UInt8(ascii: "/") where self.byte(1) == UInt8(ascii: "*"):
          skipBlockComment()
          continue
        case UInt8(ascii: ";"):
          let end = position
          advance(1)
          guard let start else { continue }
          return .statement(text: text(start.position, end), line: start.line)
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
          advance(1)
          continue
        default: break
        }
        if start == nil { start = (position, line) }
        skipElement(byte)
      }
      guard let start else { return nil }
      return .statement(text: text(start.position, position), line: start.line)
    }

    /// The first words of a statement, without its comments.
    static func words(of text: String, atMost limit: Int) -> [String] {
      var scanner = Scanner(text)
      var words: [String] = []
      var word: [UInt8] = []
      while let byte = scanner.byte(0), words.count < limit {
        let isComment = byte == UInt8(ascii: "-") && scanner.byte(1) == byte
        let isBlank = [0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: "(")].contains(byte)
        if isComment { _ = scanner.comment() }
        if isComment || isBlank {
          if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
          word = []
        } else {
          word.append(byte)
        }
        if !isComment { scanner.advance(1) }
      }
      return word.isEmpty ? words : words + [String(decoding: word, as: UTF8.self)]
    }

    /// Skips one literal, quoted name, dollar-quoted text or any other byte.
    private mutating func skipElement(_ byte: UInt8) {
      switch byte {
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        advance(1)
        while let next = self.byte(0), next != byte { advance(1) }
        advance(1)
      case UInt8(ascii: "$"):
        guard let tag = dollarTag() else { return advance(1) }
        advance(tag.count)
        while position < bytes.count, !bytes[position...].starts(with: tag) { advance(1) }
        advance(tag.count)
      default: advance(1)
      }
    }

    /// `$$` or `$name$`, when one begins here.
    private func dollarTag() -> ArraySlice<UInt8>? {
      if position > 0, Self.continuesName(bytes[position - 1]) { return nil }
      guard let end = bytes[(position + 1)...].firstIndex(where: { !Self.continuesName($0) }),
        bytes[end] == UInt8(ascii: "$")
      else { return nil }
      let isParameter = byte(1).map { (0x30...0x39).contains($0) } ?? true
      return isParameter ? nil : bytes[position...end]
    }

    /// Reads a comment up to the end of its line.
    private mutating func comment() -> String {
      let start = position
      while let byte = byte(0), byte != UInt8(ascii: "\n") { position += 1 }
      return text(start, position)
    }

    private mutating func skipBlockComment() {
      var depth = 0
      repeat {
        if byte(0) == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
          depth += 1
          advance(2)
        } else if byte(0) == UInt8(ascii: "*"), byte(1) == UInt8(ascii: "/") {
          depth -= 1
          advance(2)
        } else {
          advance(1)
        }
      } while depth > 0 && position < bytes.count
    }

    /// The text of a mark, if the comment is one.
    private static func mark(_ comment: String) -> String? {
      let text = comment.drop { $0 == "-" || $0 == " " || $0 == "\t" }
      guard text.prefix(8).lowercased() == "migrate:" else { return nil }
      var mark = text.dropFirst(8).drop { $0 == " " || $0 == "\t" }
      while mark.last == " " || mark.last == "\t" || mark.last == "\r" { mark.removeLast() }
      return String(mark)
    }

    private mutating func advance(_ count: Int) {
      let end = min(position + count, bytes.count)
      for byte in bytes[position..<end] where byte == UInt8(ascii: "\n") { line += 1 }
      position = end
    }

    private func byte(_ offset: Int) -> UInt8? {
      position + offset < bytes.count ? bytes[position + offset] : nil
    }

    private func text(_ start: Int, _ end: Int) -> String {
      String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private static func continuesName(_ byte: UInt8) -> Bool {
      (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
        || byte == UInt8(ascii: "_") || byte >= 0x80
    }
  }
}
