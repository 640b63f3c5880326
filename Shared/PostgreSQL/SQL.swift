/// A piece of SQL. It is written as a literal, into which other pieces can be interpolated, but no values:
/// these are bound to the parameters of a `Statement`.
public struct SQL: ExpressibleByStringInterpolation, Sendable {
  /// A literal with pieces of SQL in it.
  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    /// Reserves room for the text.
    public init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + 64 * interpolationCount)
    }

    /// Appends a part of the literal.
    public mutating func appendLiteral(_ literal: StaticString) { text += literal.description }

    /// Appends another piece.
    public mutating func appendInterpolation(_ sql: SQL) { text += sql.text }
  }

  let text: String

  /// A literal.
  public init(stringLiteral text: StaticString) { self.text = text.description }

  /// A literal that contains other pieces.
  public init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  /// A number that is a constant of the code.
  public init(number: Int) { text = String(number) }

  /// Text that comes from a file of this repository (a migration), never from a request.
  public init(unsafeSQL text: String) { self.text = text }
}
