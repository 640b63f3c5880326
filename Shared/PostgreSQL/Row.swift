private import CPostgreSQL
public import Values

/// One row of a result, valid inside the closure that receives it. Columns count from 0.
///
/// Values come in PostgreSQL's binary form. Source: PostgreSQL manual §34.3 (libpq) and the `…send`
/// functions of each type.
public struct Row {
  private let result: OpaquePointer
  private let fields: Int32
  private let index: Int32

  /// A row of a result whose rows have `fields` columns.
  init(result: OpaquePointer, fields: Int32, index: Int32) {
    self.result = result
    self.fields = fields
    self.index = index
  }

  /// A `text`, `varchar` or enumeration label.
  public func text(_ column: Int32) throws -> String {
    guard let text = try optionalText(column) else { throw unexpected(column) }
    return text
  }

  /// As `text(_:)`, `nil` for NULL.
  public func optionalText(_ column: Int32) throws -> String? {
    guard let bytes = try bytes(column) else { return nil }
    return String(decoding: bytes.bindMemory(to: UInt8.self), as: UTF8.self)
  }

  /// A `text` or `varchar` that holds an id.
  public func id(_ column: Int32) throws -> ID { ID(stored: try text(column)) }

  /// As `id(_:)`, `nil` for NULL.
  public func optionalID(_ column: Int32) throws -> ID? {
    try optionalText(column).map(ID.init(stored:))
  }

  /// An `integer` or `bigint`.
  public func integer(_ column: Int32) throws -> Int64 {
    guard let integer = try optionalInteger(column) else { throw unexpected(column) }
    return integer
  }

  /// A `timestamptz`.
  public func instant(_ column: Int32) throws -> Instant {
    guard let instant = try optionalInstant(column) else { throw unexpected(column) }
    return instant
  }

  /// As `instant(_:)`, `nil` for NULL.
  public func optionalInstant(_ column: Int32) throws -> Instant? {
    guard let microseconds = try optionalInteger(column) else { return nil }
    // PostgreSQL's infinities are the largest and the smallest number, which are no instants.
    let (instant, overflows) = microseconds.addingReportingOverflow(Self.epochOffset)
    guard !overflows, microseconds != .min else { throw unexpected(column) }
    return Instant(microseconds: instant)
  }

  /// A `boolean`.
  public func bool(_ column: Int32) throws -> Bool {
    guard let bytes = try bytes(column) else { throw unexpected(column) }
    return bytes.first == 1
  }

  /// A `timestamptz[]` of one dimension without NULLs.
  public func instants(_ column: Int32) throws -> [Instant] {
    guard let numbers = try numbers(column, width: 8) else { throw unexpected(column) }
    return numbers.map { Instant(microseconds: $0 + Self.epochOffset) }
  }

  /// An `integer[]` of one dimension without NULLs; `nil` for NULL.
  public func optionalIntegers(_ column: Int32) throws -> [Int32]? {
    try numbers(column, width: 4)?.map { Int32(truncatingIfNeeded: $0) }
  }

  private func numbers(_ column: Int32, width: Int) throws -> [Int64]? {
    guard let bytes = try bytes(column) else { return nil }
    // Dimensions, a flag for NULLs, the element type; then length and lower bound; then each element
    // after its length.
    guard bytes.count >= 12 else { throw unexpected(column) }
    if bigEndian(bytes[0..<4]) == 0 { return [] }
    guard bytes.count >= 20, bigEndian(bytes[0..<4]) == 1 else { throw unexpected(column) }
    let count = Int(bigEndian(bytes[12..<16]))
    guard bytes.count == 20 + count * (4 + width) else { throw unexpected(column) }
    return (0..<count).map { element in
      let start = 24 + element * (4 + width)
      return bigEndian(bytes[start..<start + width])
    }
  }

  /// PostgreSQL counts from 2000-01-01.
  private static let epochOffset: Int64 = 946_684_800_000_000

  private func optionalInteger(_ column: Int32) throws -> Int64? {
    guard let bytes = try bytes(column) else { return nil }
    guard bytes.count == 8 || bytes.count == 4 else { throw unexpected(column) }
    return bigEndian(bytes[...])
  }

  /// A signed number of 4 or 8 bytes, the most significant one first.
  private func bigEndian(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int64 {
    let buffer = UnsafeRawBufferPointer(rebasing: bytes)
    return buffer.count == 4
      ? Int64(Int32(bigEndian: buffer.loadUnaligned(as: Int32.self)))
      : Int64(bigEndian: buffer.loadUnaligned(as: Int64.self))
  }

  /// The value's bytes, owned by the result; `nil` for NULL.
  private func bytes(_ column: Int32) throws -> UnsafeRawBufferPointer? {
    guard column < fields else { throw unexpected(column) }
    let length = PQgetlength(result, index, column)
    // NULL has no length either.
    if length == 0, PQgetisnull(result, index, column) != 0 { return nil }
    return UnsafeRawBufferPointer(start: PQgetvalue(result, index, column), count: Int(length))
  }

  private func unexpected(_ column: Int32) -> DatabaseError {
    .unexpectedValue("column \(column)")
  }
}
