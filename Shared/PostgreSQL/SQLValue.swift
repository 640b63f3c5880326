public import Values

/// A value to bind.
public enum SQLValue: Sendable {
  /// NULL, when no other case gives its type.
  case null
  /// `text`, `varchar` or the label of an enumeration.
  case text(String?)
  /// `integer` or `bigint`.
  case integer(Int64)
  /// `boolean`.
  case bool(Bool)
  /// `timestamptz`.
  case instant(Instant?)
  /// An array of texts or of an enumeration's labels.
  case texts([String])
  /// An array of `integer` or `bigint`.
  case integers([Int])
  /// An array of `boolean`.
  case bools([Bool])
  /// An array of `timestamptz`.
  case instants([Instant])

  /// `integer` or `bigint`.
  public static func integer(_ number: Int) -> SQLValue { .integer(Int64(number)) }

  /// An id, which is stored as text.
  public static func id(_ id: ID?) -> SQLValue { .text(id?.text) }

  /// An array of ids.
  public static func ids(_ ids: [ID]) -> SQLValue { .texts(ids.map(\.text)) }
}
