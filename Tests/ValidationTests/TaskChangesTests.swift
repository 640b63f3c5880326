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

  @Test func `are not lost without a word when the mask leaves them out`() throws {
    let details = try violations {
      _ = try changes(["title"]) {
        $0.title = "New"
        $0.description_p = "text"
        $0.status = .completed
      }
    }
    #expect(details.keys.sorted() == ["description", "status"])
  }

  @Test(arguments: [
    "id", "version", "created_at", "updated_at", "expected_version", "Title", "", "title.x", "*",
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
    (.completed, [.inProgress, .completed]), (.cancelled, [.pending, .cancelled]),
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
    #expect(Set(TaskStatus.inProgress.reachableFrom) == [.pending, .inProgress, .completed])
    #expect(Set(TaskStatus.cancelled.reachableFrom) == [.pending, .inProgress, .cancelled])
    #expect(TaskStatus.unspecified.reachableFrom == [])
  }
}
