import API
import Endpoint
import Testing
import Validation
import Values

struct `Changes to a task` {
  private func changes(
    _ mask: [String]? = nil,
    by caller: Caller = ann,
    _ fill: (inout UpdateTaskRequest) -> Void = { _ in }
  ) throws -> TaskChanges {
    try TaskChanges(
      UpdateTaskRequest {
        if let mask { $0.updateMask.names = mask }
        fill(&$0)
      },
      caller: caller
    )
  }

  @Test(arguments: [nil, []] as [[String]?])
  func `that name nothing change nothing`(mask: [String]?) throws {
    let changes = try changes(mask)
    #expect(changes.title == nil)
    #expect(changes.description == .none)
    #expect(changes.status == nil)
    #expect(changes.priority == nil)
    #expect(changes.dueDate == .none)
    #expect(changes.userID == nil)
    #expect(changes.expectedVersion == nil)
  }

  @Test(arguments: [nil, UpdateTaskRequest.replaceableFields + ["user_id"]])
  func `are what is set, with a mask that names it or without one`(mask: [String]?) throws {
    let changes = try changes(mask) {
      $0.title = "New"
      $0.description_p = "text"
      $0.status = .completed
      $0.priority = .low
      $0.dueDate = Timestamp(now)
      $0.userID = ann.userID.text
      $0.expectedVersion = 3
    }
    #expect(changes.title == "New")
    #expect(changes.description == "text")
    #expect(changes.status == .completed)
    #expect(changes.priority == .low)
    #expect(changes.dueDate == now)
    #expect(changes.userID == ann.userID)
    #expect(changes.expectedVersion == 3)
  }

  @Test func `that a mask names and nothing sets clear, or set the default`() throws {
    let changes = try changes(["description", "due_date", "status", "priority"])
    #expect(changes.description == .some(nil))
    #expect(changes.dueDate == .some(nil))
    #expect(changes.status == .pending)
    #expect(changes.priority == .medium)
    #expect(changes.title == nil)
  }

  @Test func `cannot clear the title`() throws {
    #expect(try violations { _ = try changes(["title"]) } == ["title": "is required"])
    #expect(try violations { _ = try changes { $0.title = "" } } == ["title": "must not be empty"])
  }

  @Test func `cannot leave a task to nobody`() throws {
    #expect(try violations { _ = try changes(["user_id"]) }.keys.sorted() == ["user_id"])
    #expect(try violations { _ = try changes { $0.userID = "bob" } }.keys.sorted() == ["user_id"])
  }

  /// So that a client may send back all that it has read.
  @Test
  func `are those that the mask names, and whatever else is set is ignored, even if it is wrong`()
    throws
  {
    let changes = try changes(["title"]) {
      $0.title = "New"
      $0.description_p = text(10_001)
      $0.status = .UNRECOGNIZED(7)
      $0.dueDate.nanos = -1
      $0.reminders.minutes = [-1]
      $0.userID = bob.userID.text
    }
    #expect(changes.title == "New")
    #expect(changes.description == .none)
    #expect(changes.status == nil)
    #expect(changes.dueDate == .none)
    #expect(changes.reminders == .none)
    #expect(changes.userID == nil)
    #expect(try self.changes([]) { $0.title = "New" }.title == nil)
  }

  @Test func `are those of a PUT when the mask is an asterisk`() throws {
    let all = try changes(["*"]) {
      $0.title = "New"
      $0.priority = .high
    }
    #expect(all.title == "New")
    #expect(all.description == .some(nil))
    #expect(all.status == .pending)
    #expect(all.priority == .high)
    #expect(all.dueDate == .some(nil))
    #expect(all.reminders == .some(nil))
    #expect(all.userID == nil)
    #expect(
      try changes(["*"], by: admin) {
        $0.title = "New"
        $0.userID = bob.userID.text
      }.userID == bob.userID
    )
    #expect(try violations { _ = try changes(["*"]) } == ["title": "is required"])
  }

  @Test(arguments: [["*", "title"], ["title", "*"], ["*", "*"]])
  func `may not name an asterisk among others`(mask: [String]) throws {
    let details = try violations { _ = try changes(mask) { $0.title = "New" } }
    #expect(details == ["update_mask": "must name * alone, which stands for all fields"])
  }

  @Test func `reach into reminders, where nothing means none`() throws {
    let inner = "reminders.minutes"
    #expect(try changes([inner]) { $0.reminders.minutes = [5, 60] }.reminders == [60, 5])
    #expect(try changes([inner]).reminders == .some([]))
    #expect(try changes(["reminders"]).reminders == .some(nil))
    #expect(try changes(["reminders", inner]).reminders == .some(nil))
    #expect(
      try violations { _ = try changes([inner]) { $0.reminders.minutes = [-1] } }.keys.sorted()
        == ["reminders"]
    )
  }

  @Test(arguments: [
    "id", "version", "created_at", "updated_at", "expected_version", "Title", "", "title.x", "**",
    "due_date.seconds", "reminders.hours", "reminders.", "reminders.minutes.x", "dueDate",
    "title,status",
    "*.title",
  ])
  func `are only of what can be changed`(name: String) throws {
    #expect(try violations { _ = try changes([name]) }.keys.sorted() == ["update_mask"])
  }

  @Test func `keep to the bounds of a new task, all of them at once`() throws {
    let details = try violations {
      _ = try changes {
        $0.title = text(256)
        $0.description_p = text(10_001)
        $0.status = .UNRECOGNIZED(7)
        $0.priority = .UNRECOGNIZED(7)
        $0.dueDate.seconds = .max
      }
    }
    #expect(details.keys.sorted() == ["description", "due_date", "priority", "status", "title"])
    #expect(try changes { $0.title = text(255, of: "😀") }.title == text(255, of: "😀"))
  }

  @Test func `hand the task to another only when an admin makes them`() throws {
    #expect(try changes(by: admin) { $0.userID = bob.userID.text }.userID == bob.userID)
    #expect(try changes(by: ann) { $0.userID = ann.userID.text.uppercased() }.userID == ann.userID)
    for caller in [ann, service] {
      #expect(
        try code { _ = try changes(by: caller) { $0.userID = bob.userID.text } }
          == .permissionDenied
      )
    }
  }
}

struct `A task's status` {
  /// The contract's transitions as a table, from the row to the column.
  @Test(arguments: [
    (TaskStatus.pending, [TaskStatus.pending, .inProgress, .completed, .cancelled]),
    (.inProgress, [.pending, .inProgress, .completed, .cancelled]),
    (.completed, [.pending, .inProgress, .completed]),
    (.cancelled, [.pending, .inProgress, .cancelled]),
    (.unspecified, []), (.UNRECOGNIZED(9), []),
  ])
  func `changes as the contract says`(from: TaskStatus, to: [TaskStatus]) {
    #expect(Set(from.next) == Set(to))
    #expect(from.next.count == to.count)
  }

  @Test func `is reached from where it can be moved to it`() {
    for status in TaskStatus.allCases {
      #expect(status.reachableFrom == TaskStatus.allCases.filter { $0.next.contains(status) })
    }
    #expect(
      Set(TaskStatus.inProgress.reachableFrom) == [.pending, .inProgress, .completed, .cancelled]
    )
    #expect(
      Set(TaskStatus.pending.reachableFrom) == [.pending, .inProgress, .completed, .cancelled]
    )
    #expect(Set(TaskStatus.cancelled.reachableFrom) == [.pending, .inProgress, .cancelled])
    #expect(TaskStatus.unspecified.reachableFrom == [])
  }
}

struct `A timestamp` {
  private func reason(_ fill: (inout Timestamp) -> Void) throws -> String? {
    var dueDate = Timestamp(now)
    fill(&dueDate)
    let request = CreateTaskRequest {
      $0.title = "Water the plants"
      $0.dueDate = dueDate
    }
    return try violations { _ = try TaskDraft(request, caller: ann) }["due_date"]
  }

  @Test(arguments: [-1, 1_000_000_000, .min, .max] as [Int32])
  func `whose nanos are no part of a second has that said of it`(nanos: Int32) throws {
    #expect(
      try reason { $0.nanos = nanos } == "has nanos of \(nanos), which must be from 0 to 999999999"
    )
  }

  @Test(arguments: [-62_135_596_801, 253_402_300_800, .min, .max] as [Int64])
  func `whose seconds are out of range is outside the years that there are`(seconds: Int64) throws {
    #expect(try reason { $0.seconds = seconds } == "is outside the years 1 to 9999")
  }
}
