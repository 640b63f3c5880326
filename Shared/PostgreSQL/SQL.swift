/// The text of a statement. It can be written as a literal and joined from literals, but no value can be
/// put into it: values are bound.
public struct SQL: ExpressibleByStringLiteral, Hashable, Sendable {
  private(set) var text: String

  /// A literal.
  public init(stringLiteral text: StaticString) { self.text = text.description }

  /// Text that comes from a file of this repository (a migration), never from a request.
  public init(unsafeSQL text: String) { self.text = text }

  /// `$1`, `$2` …
  static func placeholder(_ number: Int) -> SQL {
    number < first.count ? first[number] : SQL(unsafeSQL: "$\(number)")
  }

  private static let first = (0..<16).map { SQL(unsafeSQL: "$\($0)") }

  /// One text after the other.
  public static func + (left: SQL, right: SQL) -> SQL {
    var joined = left
    joined.text += right.text
    return joined
  }

  /// Appends a text.
  public static func += (left: inout SQL, right: SQL) { left.text += right.text }
}

extension Sequence<SQL> {
  /// The texts with `separator` between them.
  public func joined(separator: SQL) -> SQL {
    SQL(unsafeSQL: map(\.text).joined(separator: separator.text))
  }
}

/// A value to bind.
public enum SQLValue: Sendable {
  case null
  case text(String)
  case optionalText(String?)
  /// `integer` or `bigint`.
  case integer(Int64)
  /// `boolean`.
  case bool(Bool)
  /// `timestamptz`, in microseconds since 1970-01-01T00:00:00Z.
  case microseconds(Int64?)
  /// An array of texts or of an enumeration's labels.
  case texts([String])
  /// An array of `timestamptz`, in microseconds since 1970-01-01T00:00:00Z.
  case microsecondsArray([Int64])
}

/// A statement under construction: text with the values bound to it so far.
public struct Query: Sendable {
  /// The text.
  public var sql: SQL
  /// The values, `$1` first.
  public private(set) var values: [SQLValue]

  /// A statement.
  public init(_ sql: SQL, _ values: SQLValue...) {
    self.sql = sql
    self.values = values
  }

  /// Binds one more value and gives its placeholder.
  public mutating func bind(_ value: SQLValue) -> SQL {
    values.append(value)
    return .placeholder(values.count)
  }
}
