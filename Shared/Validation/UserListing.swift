public import API
import Endpoint
import Values

/// A valid request for a list of users, the newest first.
public struct UserListing: Sendable {
  /// The part of the list.
  public let page: Page

  private static let filters = "users"

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`, `INVALID_PAGE_TOKEN`.
  public init(_ request: ListUsersRequest, pages: PageTokens) throws {
    var violations = Violations()
    let size = violations.pageSize(request.hasPageSize ? request.pageSize : nil)
    try violations.check()
    page = Page(size: size, after: try pages.cursor(in: request.pageToken, filters: Self.filters))
  }

  /// The token for what follows `last`.
  ///
  /// - Throws: errors of the MAC.
  public func pageToken(after last: UserMessage, pages: PageTokens) throws -> String {
    let cursor = Cursor(key: last.createdAt.instant.rfc3339, id: last.id)
    return try pages.token(after: cursor, filters: Self.filters)
  }
}
