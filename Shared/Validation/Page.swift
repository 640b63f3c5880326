import API
import Endpoint
import Values

/// The place where a page begins: after the row with this key and id.
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

/// Makes and reads page tokens: a cursor and a MAC that also covers the filters, so that a token that was
/// tampered with or belongs to another list is recognised.
public struct PageTokens {
  private static let macLength = MAC.length
  private static let maximumLength = Bounds.ListUsersRequest.pageToken.upperBound

  private let mac: MAC

  /// Page tokens that are authenticated by a MAC.
  public init(_ mac: MAC) { self.mac = mac }

  /// The token for the page after `cursor`; empty without one.
  ///
  /// - Throws: errors of the MAC.
  public func token(after cursor: Cursor?, filters: String) throws -> String {
    guard let cursor else { return "" }
    let position = Array("\(cursor.id)\(cursor.key)".utf8)
    return Base64URL.encode(try mac.make(message(position, filters)) + position)
  }

  /// The cursor in a token; `nil` for the empty one.
  ///
  /// - Throws: `Problem` `INVALID_PAGE_TOKEN`, or errors of the MAC.
  public func cursor(in token: String, filters: String) throws -> Cursor? {
    if token.isEmpty { return nil }
    let invalid = Problem(.invalidPageToken, details: ["page_token": "is not valid here"])
    guard token.utf8.count <= Self.maximumLength, let bytes = Base64URL.decode(token.utf8),
      bytes.count > Self.macLength + 36
    else { throw invalid }
    let position = Array(bytes[Self.macLength...])
    guard try mac.check(message(position, filters), Array(bytes[..<Self.macLength])) else {
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

/// A message authentication code (MAC), which shows that a message was issued by us.
public struct MAC {
  /// The length of a code in bytes.
  static let length = 16

  /// Makes the code of a message, 16 bytes.
  public typealias Make = (_ message: [UInt8]) throws -> [UInt8]
  /// Tells whether a code is that of a message.
  public typealias Check = (_ message: [UInt8], _ code: [UInt8]) throws -> Bool

  let make: Make
  let check: Check

  /// A MAC from its two halves.
  public init(make: @escaping Make, check: @escaping Check) {
    self.make = make
    self.check = check
  }
}

/// A number of rows, and the place where they begin.
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
    guard let size else { return Bounds.ListUsersRequest.pageSizeDefault }
    let bounds = Bounds.ListUsersRequest.pageSize
    if !bounds.contains(Int(size)) {
      add("page_size", "must be from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return Int(size)
  }
}
