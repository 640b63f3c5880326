private import CPostgreSQL
import Values

/// Bound values in libpq's form: pointers into one buffer, which holds each value as text that ends with a
/// NUL. Text costs the server a little parsing and saves us from knowing its types.
struct Parameters {
  private var bytes: [UInt8] = []
  private var offsets: [Int?] = []

  /// The values of a statement whose `$1`, `$2` … are those at the indices `order`.
  init(_ values: Query.Values, order: [Int]) {
    bytes.reserveCapacity(64 * order.count)
    offsets.reserveCapacity(order.count)
    for index in order { append(values[index]) }
  }

  var count: Int32 { Int32(offsets.count) }

  private mutating func append(_ value: SQLValue) {
    switch value {
    case .null, .text(nil), .instant(nil): offsets.append(nil)
    case .text(.some(let text)): append(text.utf8)
    case .integer(let number): append(String(number).utf8)
    case .bool(let flag): append(flag ? "t".utf8 : "f".utf8)
    case .instant(.some(let instant)):
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Instant.maximumLength) { buffer in
        append(UnsafeMutableBufferPointer(rebasing: buffer[..<instant.write(to: buffer)]))
      }
    case .texts(let texts): append(Self.array(texts).utf8)
    case .integers(let numbers): append(Self.array(numbers.map(String.init)).utf8)
    case .bools(let flags): append(Self.array(flags.map { $0 ? "t" : "f" }).utf8)
    case .instants(let instants): append(Self.array(instants.map(\.rfc3339)).utf8)
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
      // Scalar by scalar: a quote and a combining mark after it are one `Character`.
      var escaped = String.UnicodeScalarView()
      for scalar in text.unicodeScalars {
        if scalar == "\"" || scalar == "\\" { escaped.append("\\") }
        escaped.append(scalar)
      }
      return "\"" + String(escaped) + "\""
    }
    return "{" + quoted.joined(separator: ",") + "}"
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
