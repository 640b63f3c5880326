private import CPostgreSQL
import Values

/// Bound values as libpq wants them: three parallel arrays over one buffer, each value as text that ends
/// with a NUL. Text costs the server a short parse and spares us its types.
struct Parameters {
  private var bytes: [UInt8] = []
  private var offsets: [Int?] = []

  init(_ values: [SQLValue]) {
    bytes.reserveCapacity(64 * values.count)
    offsets.reserveCapacity(values.count)
    for value in values { append(value) }
  }

  var count: Int32 { Int32(offsets.count) }

  private mutating func append(_ value: SQLValue) {
    switch value {
    case .null, .optionalText(nil), .microseconds(nil): offsets.append(nil)
    case .text(let text), .optionalText(.some(let text)): append(text.utf8)
    case .integer(let number): append(String(number).utf8)
    case .bool(let flag): append(flag ? "t".utf8 : "f".utf8)
    case .microseconds(.some(let microseconds)): append(Self.timestamp(microseconds).utf8)
    case .texts(let texts): append(Self.array(texts).utf8)
    case .microsecondsArray(let instants):
      append(Self.array(instants.map(Self.timestamp)).utf8)
    }
  }

  private mutating func append(_ text: some Sequence<UInt8>) {
    offsets.append(bytes.count)
    bytes.append(contentsOf: text)
    bytes.append(0)
  }

  /// `{"a","b"}`. Source: PostgreSQL manual §8.15.6.
  private static func array(_ texts: [String]) -> String {
    let quoted = texts.map { text in
      // By scalars: a quote and a combining character behind it are one `Character`.
      var escaped = String.UnicodeScalarView()
      for scalar in text.unicodeScalars {
        if scalar == "\"" || scalar == "\\" { escaped.append("\\") }
        escaped.append(scalar)
      }
      return "\"" + String(escaped) + "\""
    }
    return "{" + quoted.joined(separator: ",") + "}"
  }

  private static func timestamp(_ microseconds: Int64) -> String {
    Instant(microseconds: microseconds).rfc3339
  }

  /// Calls `body` with the `paramValues` of `PQsendQueryPrepared`.
  func withPointers<T>(_ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> T) -> T {
    bytes.withUnsafeBytes { buffer in
      let base = buffer.bindMemory(to: CChar.self).baseAddress
      let pointers = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
      return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
  }
}
