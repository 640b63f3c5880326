public import API
public import Endpoint
public import Values

/// A valid request for a list of notifications, the newest first.
public struct NotificationListing: Sendable {
  /// The user whose notifications are listed; `nil` for everybody's.
  public let owner: ID?
  /// The part of the list.
  public let page: Page

  /// Checks a request for the caller's notifications, or everybody's.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`, `INVALID_PAGE_TOKEN`.
  public init(_ request: ListNotificationsRequest, caller: Caller, pages: PageTokens) throws {
    owner = caller.seesEverything ? nil : caller.userID
    var violations = Violations()
    let size = violations.pageSize(request.hasPageSize ? request.pageSize : nil)
    try violations.check()
    let cursor = try pages.cursor(in: request.pageToken, filters: Self.filters(owner))
    page = Page(size: size, after: cursor)
  }

  /// The token for what follows `last`.
  ///
  /// - Throws: errors of the MAC.
  public func pageToken(after last: NotificationMessage, pages: PageTokens) throws -> String {
    let cursor = Cursor(key: last.createdAt.instant.rfc3339, id: last.id)
    return try pages.token(after: cursor, filters: Self.filters(owner))
  }

  private static func filters(_ owner: ID?) -> String {
    "notifications\n\(owner?.text ?? "*")"
  }
}

extension NotificationMessage {
  /// The notification as `caller` may see it. Only admins and services learn which mail server there is and what it
  /// says.
  public func shown(to caller: Caller) -> NotificationMessage {
    guard hasLastError, !caller.seesEverything else { return self }
    var shown = self
    if sent { shown.clearLastError() } else { shown.lastError = "it could not be sent yet" }
    return shown
  }
}
