public import API
public import Endpoint
public import Values

/// A valid request for a list of tasks: their owner, filters, order and page.
public struct TaskListing: Sendable {
  /// The columns that a list can be ordered by.
  public enum Key: String, CaseIterable, Sendable {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case dueDate = "due_date"
    case priority
  }

  /// The key, in an order by due date, of a task that has none. Such tasks come last in both directions.
  public static let noDueDate = "infinity"

  /// The user whose tasks are listed; `nil` for everybody's.
  public let owner: ID?
  /// The statuses to list; empty for all.
  public let statuses: [TaskStatus]
  /// The priorities to list; empty for all.
  public let priorities: [TaskPriority]
  /// Due before this instant.
  public let dueBefore: Instant?
  /// Due at this instant or later.
  public let dueAfter: Instant?
  /// Search terms that must all occur in title or description; `nil` for any text.
  public let searchTerms: String?
  /// The column that the list is ordered by; ties are broken by id.
  public let key: Key
  /// Whether the largest comes first.
  public let isDescending: Bool
  /// The part of the list.
  public private(set) var page: Page

  /// Checks a request for the caller's tasks, or everybody's.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`, `INVALID_PAGE_TOKEN`; `PERMISSION_DENIED` for another user's
  ///   tasks.
  public init(_ request: ListTasksRequest, caller: Caller, pages: PageTokens) throws {
    var violations = Violations()
    let asked = request.hasUserID ? violations.userID(request.userID) : nil
    try self.init(
      ListUserTasksRequest(request),
      owner: asked ?? (caller.seesEverything ? nil : caller.userID),
      violations: violations,
      pages: pages
    )
    guard asked == nil || asked == caller.userID || caller.seesEverything else {
      throw Problem.permissionDenied("only an admin can list somebody else's tasks")
    }
  }

  /// Checks a request for one user's tasks.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`, `INVALID_PAGE_TOKEN`; `USER_NOT_FOUND` when the id is not a UUID,
  ///   or not the caller's and the caller may not see everything.
  public init(_ request: ListUserTasksRequest, caller: Caller, pages: PageTokens) throws {
    guard let user = ID(request.userID), caller.isUser(user) || caller.seesEverything else {
      throw Problem.userNotFound
    }
    try self.init(request, owner: user, violations: Violations(), pages: pages)
  }

  private init(
    _ request: ListUserTasksRequest,
    owner: ID?,
    violations: Violations,
    pages: PageTokens
  ) throws {
    var violations = violations
    self.owner = owner
    statuses = violations.filter(request.status, "status")
    priorities = violations.filter(request.priority, "priority")
    dueBefore =
      request.hasDueBefore
      ? Instant(request.dueBefore, of: "due_before", violations: &violations) : nil
    dueAfter =
      request.hasDueAfter
      ? Instant(request.dueAfter, of: "due_after", violations: &violations) : nil
    searchTerms =
      request.q.isEmpty ? nil : violations.verbatim(request.q, "q", Bounds.ListTasksRequest.q)
    (key, isDescending) = violations.order(request.orderBy)
    let size = violations.pageSize(request.hasPageSize ? request.pageSize : nil)
    try violations.check()
    page = Page(size: size, after: nil)
    guard !request.pageToken.isEmpty else { return }
    page = Page(size: size, after: try pages.cursor(in: request.pageToken, filters: filters))
  }

  /// The token for what follows `last`, by the same filters.
  ///
  /// - Throws: errors of the MAC.
  public func pageToken(after last: TaskMessage, pages: PageTokens) throws -> String {
    let key =
      switch key {
      case .createdAt: last.createdAt.instant.rfc3339
      case .updatedAt: last.updatedAt.instant.rfc3339
      case .dueDate: last.hasDueDate ? last.dueDate.instant.rfc3339 : Self.noDueDate
      case .priority: last.priority.name
      }
    return try pages.token(after: Cursor(key: key, id: last.id), filters: filters)
  }

  /// Everything but the page, in a single form, to which page tokens are bound.
  private var filters: String {
    [
      "tasks", owner?.text ?? "*",
      statuses.map(\.name).joined(separator: ","), priorities.map(\.name).joined(separator: ","),
      dueBefore?.rfc3339 ?? "", dueAfter?.rfc3339 ?? "",
      key.rawValue, direction, searchTerms ?? "",
    ].joined(separator: "\n")
  }

  /// Tokens issued when tasks without a due date came first are no longer valid, hence the different word.
  private var direction: String {
    isDescending ? key == .dueDate ? "latest first" : "desc" : "asc"
  }
}

extension ListUserTasksRequest {
  /// The same request without `user_id`.
  fileprivate init(_ request: ListTasksRequest) {
    self.init()
    if request.hasPageSize { pageSize = request.pageSize }
    pageToken = request.pageToken
    status = request.status
    priority = request.priority
    if request.hasDueBefore { dueBefore = request.dueBefore }
    if request.hasDueAfter { dueAfter = request.dueAfter }
    q = request.q
    orderBy = request.orderBy
  }
}

extension Violations {
  /// Each value once, in the contract's order.
  fileprivate mutating func filter<T: NamedEnum>(_ values: [T], _ field: String) -> [T] {
    if values.count > Bounds.ListTasksRequest.statusCount {
      add(field, "is given more than \(Bounds.ListTasksRequest.statusCount) times")
    }
    if values.contains(where: \.name.isEmpty) {
      add(field, "must be one of \(T.names.joined(separator: ", "))")
    }
    return T.allCases.filter { !$0.name.isEmpty && values.contains($0) }
  }

  /// `due_date`, `due_date asc` or `due_date desc`; `created_at desc` when not given.
  fileprivate mutating func order(_ text: String) -> (TaskListing.Key, isDescending: Bool) {
    if text.isEmpty { return (.createdAt, true) }
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count <= 2, let key = TaskListing.Key(rawValue: String(words[0])),
      words.count == 1 || words[1] == "asc" || words[1] == "desc"
    else {
      let keys = TaskListing.Key.allCases.map(\.rawValue).joined(separator: ", ")
      add("order_by", "must be one of \(keys), optionally followed by \" asc\" or \" desc\"")
      return (.createdAt, true)
    }
    return (key, words.count == 2 && words[1] == "desc")
  }
}
