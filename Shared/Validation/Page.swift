import API
import Endpoint
import Values

/// The beginning of a page: after the row with this key and id.
public struct Cursor: Equatable, Sendable {
  /// The value that the list is ordered by, as PostgreSQL reads it.
  public let key: String
  /// The row's id.
  public let id: String

  /// A position.
  public init(key: String, id: String) {
    self.key = key
    self.id = id
  }
}

/// Makes and reads page tokens: a cursor under a MAC that also covers the filters, so that a token that was
/// tampered with, or that belongs to another list, is recognised.
public struct PageTokens {
  private static let sealLength = Seals.length
  private static let maximumLength = Bounds.pageToken.upperBound

  private let seals: Seals

  /// Page tokens under these MACs.
  public init(_ seals: Seals) { self.seals = seals }

  /// The token for the page after `cursor`; empty without one.
  ///
  /// - Throws: errors of the MAC.
  public func token(after cursor: Cursor?, filters: String) throws -> String {
    guard let cursor else { return "" }
    let position = Array("\(cursor.id)\(cursor.key)".utf8)
    return Base64URL.encode(try seals.seal(message(position, filters)) + position)
  }

  /// The cursor in a token; `nil` for the empty one.
  ///
  /// - Throws: `Problem` `INVALID_PAGE_TOKEN`, or errors of the MAC.
  public func cursor(in token: String, filters: String) throws -> Cursor? {
    if token.isEmpty { return nil }
    let invalid = Problem(
      .invalidPageToken,
      "page_token is not one that this list with these filters gave",
      details: ["page_token": "is not valid here"]
    )
    guard token.utf8.count <= Self.maximumLength, let bytes = Base64URL.decode(token.utf8),
      bytes.count > Self.sealLength + 36
    else { throw invalid }
    let position = Array(bytes[Self.sealLength...])
    guard try seals.check(message(position, filters), Array(bytes[..<Self.sealLength])) else {
      throw invalid
    }
    return Cursor(
      key: String(decoding: position[36...], as: UTF8.self),
      id: String(decoding: position[..<36], as: UTF8.self)
    )
  }

  private func message(_ position: [UInt8], _ filters: String) -> [UInt8] {
    position + [0] + Array(filters.utf8)
  }
}

/// A message authentication code, which shows that a message was issued by us.
public struct Seals {
  /// Bytes of a MAC.
  static let length = 16

  /// Makes the MAC of a message, 16 bytes.
  public typealias Seal = (_ message: [UInt8]) throws -> [UInt8]
  /// Tells whether a MAC is that of a message.
  public typealias Check = (_ message: [UInt8], _ seal: [UInt8]) throws -> Bool

  let seal: Seal
  let check: Check

  /// A MAC, from its two halves.
  public init(seal: @escaping Seal, check: @escaping Check) {
    self.seal = seal
    self.check = check
  }
}

/// A number of rows, and where they begin.
public struct Page: Equatable, Sendable {
  /// 1 to 200.
  public let size: Int
  /// The row before the first; `nil` at the beginning of the list.
  public let after: Cursor?

  /// A page.
  public init(size: Int, after: Cursor?) {
    self.size = size
    self.after = after
  }
}

extension Violations {
  /// 1 to 200, 50 when not given.
  mutating func pageSize(_ size: Int32?) -> Int {
    guard let size else { return Bounds.defaultPageSize }
    let bounds = Bounds.pageSize
    if !bounds.contains(Int(size)) {
      add("page_size", "must be from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return Int(size)
  }
}
