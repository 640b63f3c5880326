private import Glibc

/// A statement with named parameters and optional parts: a constant of the store that runs it.
///
/// ```sql
/// UPDATE tasks SET version = version + 1 {, title = :title} {, due_date = :due_date}
/// WHERE id = :id {AND version = :expected_version}
/// ```
///
/// - `:name` stands for a value. Values are bound (`$1`, `$2` …), so none of them is ever part of the text. A
///   name may occur several times.
/// - `{…}` is left out unless each parameter in it is given a value; nested parts are decided separately.
/// - `{… ?? …}` becomes its second half if the first would be left out.
///
/// Casts (`::`), literals (but for `E'…'`), quoted names and comments (`--`) stay as they are. The text is parsed
/// once; the parts that a call keeps make a `Variant`, whose text never changes, so that a connection prepares each
/// variant once.
public final class Statement: Sendable {
  /// The statement with some of its optional parts.
  struct Variant: Hashable {
    let statement: Statement
    /// A bit for each parameter that has a value, by the order of `Statement.names`.
    let given: UInt64

    static func == (left: Variant, right: Variant) -> Bool {
      left.given == right.given
        && (left.statement === right.statement || left.statement.source == right.statement.source)
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(statement.sourceHash)
      hasher.combine(given)
    }
  }

  /// The text of a variant, and the parameters that are `$1`, `$2` … in it.
  struct Rendering: Equatable {
    fileprivate(set) var text = ""
    fileprivate(set) var order: [Int] = []
  }

  private indirect enum Piece {
    case text(String)
    case parameter(Int)
    case part([Piece], needs: UInt64, otherwise: [Piece])
  }

  /// Whether it is planned at each call, for the values of that call, instead of prepared once: for statements whose best
  /// plan depends on the values.
  let isPlannedEachTime: Bool
  private let source: String
  private let sourceHash: Int
  private let pieces: [Piece]
  /// The parameters' names, each once, in the order in which they first occur.
  private let names: [[UInt8]]

  /// A statement of at most 64 parameters.
  ///
  /// - Precondition: the braces outside of literals, quoted names and comments are balanced.
  public init(_ sql: SQL, isPlannedEachTime: Bool = false) {
    self.isPlannedEachTime = isPlannedEachTime
    source = sql.text
    sourceHash = sql.text.hashValue
    var parser = Parser(sql.text)
    pieces = parser.pieces().pieces
    precondition(parser.isAtEnd, "a brace too many in: \(sql.text)")
    names = parser.names
    precondition(names.count <= UInt64.bitWidth, "too many parameters in: \(sql.text)")
  }

  /// The place of each parameter's value among the arguments, -1 where there is none, and a bit for each that is given.
  ///
  /// - Throws: `DatabaseError` `unexpectedValue` for a name that the statement does not have.
  func places(of arguments: [Query.Argument]) throws -> (places: [Int], given: UInt64) {
    var places = [Int](repeating: -1, count: names.count)
    var given: UInt64 = 0
    var next = 0
    for place in arguments.indices {
      let index = try index(of: arguments[place].0, from: next)
      next = index + 1
      guard arguments[place].1 != nil else { continue }
      places[index] = place
      given |= 1 << UInt64(index)
    }
    return (places, given)
  }

  /// Finds a parameter. Most calls name them in the order of the statement, so the search begins at `start`.
  private func index(of name: StaticString, from start: Int) throws -> Int {
    for index in start..<names.count where isName(index, name) { return index }
    for index in 0..<min(start, names.count) where isName(index, name) { return index }
    throw DatabaseError.unexpectedValue("no parameter :\(name) in: \(source)")
  }

  private func isName(_ index: Int, _ name: StaticString) -> Bool {
    names[index].count == name.utf8CodeUnitCount
      && memcmp(names[index], name.utf8Start, name.utf8CodeUnitCount) == 0
  }

  /// The text with the parts for which values are given.
  ///
  /// - Throws: `DatabaseError` `unexpectedValue` when a parameter outside of the optional parts has no value.
  func rendering(given: UInt64) throws -> Rendering {
    var rendering = Rendering()
    try render(pieces, given, into: &rendering)
    return rendering
  }

  private func render(_ pieces: [Piece], _ given: UInt64, into rendering: inout Rendering) throws {
    for piece in pieces {
      switch piece {
      case .text(let text): rendering.text += text
      case .parameter(let parameter):
        guard given & 1 << UInt64(parameter) != 0 else {
          let name = String(decoding: names[parameter], as: UTF8.self)
          throw DatabaseError.unexpectedValue("no value for :\(name) in: \(source)")
        }
        let position = rendering.order.firstIndex(of: parameter) ?? rendering.order.count
        if position == rendering.order.count { rendering.order.append(parameter) }
        rendering.text += "$\(position + 1)"
      case .part(let pieces, let needs, let otherwise):
        try render(given & needs == needs ? pieces : otherwise, given, into: &rendering)
      }
    }
  }

  private struct Parser {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var names: [[UInt8]] = []

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { position == bytes.count }

    /// Reads up to the end, or to the `}` or `??` that ends a part, and returns the parameters that occur, too.
    mutating func pieces(inPart: Bool = false) -> (pieces: [Piece], parameters: UInt64) {
      var pieces: [Piece] = []
      var parameters: UInt64 = 0
      var start = position
      func text(_ end: Int) -> [Piece] {
        start == end ? [] : [.text(String(decoding: bytes[start..<end], as: UTF8.self))]
      }
      while let byte = byte(0) {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
          skip { $0 == byte }
        case UInt8(ascii: "-") where self.byte(1) == byte:
          skip { $0 == UInt8(ascii: "\n") }
        case UInt8(ascii: ":") where self.byte(1) == byte:
          position += 2
        case UInt8(ascii: ":") where self.byte(1).map(Self.beginsName) ?? false:
          pieces += text(position)
          let parameter = parameter()
          pieces.append(.parameter(parameter))
          parameters |= 1 << UInt64(parameter)
          start = position
        case UInt8(ascii: "{"):
          pieces += text(position)
          pieces.append(part())
          start = position
        case UInt8(ascii: "}"):
          return (pieces + text(position), parameters)
        case UInt8(ascii: "?") where inPart && self.byte(1) == byte:
          return (pieces + text(position), parameters)
        default: position += 1
        }
      }
      return (pieces + text(position), parameters)
    }

    private mutating func part() -> Piece {
      position += 1
      let first = pieces(inPart: true)
      var second: [Piece] = []
      if byte(0) == UInt8(ascii: "?") {
        position += 2
        second = pieces().pieces
      }
      precondition(byte(0) == UInt8(ascii: "}"), "a brace is not closed")
      position += 1
      return .part(first.pieces, needs: first.parameters, otherwise: second)
    }

    /// Reads `:name`.
    private mutating func parameter() -> Int {
      position += 1
      let start = position
      while let byte = byte(0), Self.continuesName(byte) { position += 1 }
      let name = Array(bytes[start..<position])
      if let known = names.firstIndex(of: name) { return known }
      names.append(name)
      return names.count - 1
    }

    /// Skips the text that begins here, including the byte that ends it.
    private mutating func skip(until isEnd: (UInt8) -> Bool) {
      position += 1
      while let byte = byte(0), !isEnd(byte) { position += 1 }
      position = min(position + 1, bytes.count)
    }

    private func byte(_ offset: Int) -> UInt8? {
      position + offset < bytes.count ? bytes[position + offset] : nil
    }

    private static func beginsName(_ byte: UInt8) -> Bool {
      (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || byte == UInt8(ascii: "_")
    }

    private static func continuesName(_ byte: UInt8) -> Bool {
      beginsName(byte) || (0x30...0x39).contains(byte)
    }
  }
}
