import API
import Endpoint
import Testing
import Validation
import Values

struct `A new task` {
  private func request(_ fill: (inout CreateTaskRequest) -> Void = { _ in }) -> CreateTaskRequest {
    CreateTaskRequest {
      $0.title = "Water the plants"
      fill(&$0)
    }
  }

  @Test func `starts with the defaults`() throws {
    let draft = try TaskDraft(request(), caller: ann)
    #expect(draft.title == "Water the plants")
    #expect(draft.description == nil)
    #expect(draft.status == .pending)
    #expect(draft.priority == .medium)
    #expect(draft.dueDate == nil)
    #expect(draft.userID == ann.userID)
  }

  @Test func `takes what is given`() throws {
    let draft = try TaskDraft(
      request {
        $0.description_p = "All of them"
        $0.status = .inProgress
        $0.priority = .urgent
        $0.userID = ann.userID.text.uppercased()
        $0.dueDate = Timestamp(now)
      },
      caller: ann
    )
    #expect(draft.description == "All of them")
    #expect(draft.status == .inProgress)
    #expect(draft.priority == .urgent)
    #expect(draft.userID == ann.userID)
    #expect(draft.dueDate == now)
  }

  @Test func `may begin with any status`() throws {
    for status in TaskStatus.allCases where status != .unspecified {
      #expect(try TaskDraft(request { $0.status = status }, caller: ann).status == status)
    }
  }

  @Test(arguments: [
    text(1), text(255), text(255, of: "é"), text(255, of: "😀"), "a\nb\t\"\\", "a\u{1}b",
  ])
  func `has a title of 1 to 255 characters, however many bytes they take`(title: String) throws {
    #expect(try TaskDraft(request { $0.title = title }, caller: ann).title == title)
  }

  /// One visible character may be several Unicode scalars, which is what the database counts.
  @Test(arguments: [
    "", text(256), text(256, of: "😀"), text(128, of: "e\u{301}"), text(52, of: "👩‍👩‍👧"), "a\u{0}b",
  ])
  func `has no other title`(title: String) throws {
    #expect(
      try violations { _ = try TaskDraft(request { $0.title = title }, caller: ann) }.keys.sorted()
        == ["title"]
    )
  }

  @Test(arguments: ["", text(10_000), text(10_000, of: "é"), text(5000, of: "e\u{301}")])
  func `has a description of at most 10,000 characters`(description: String) throws {
    #expect(
      try TaskDraft(request { $0.description_p = description }, caller: ann).description
        == description
    )
  }

  @Test(arguments: [text(10_001), text(10_001, of: "é"), text(5001, of: "e\u{301}"), "\u{0}"])
  func `has no longer description, and no NUL in it`(description: String) throws {
    let details = try violations {
      _ = try TaskDraft(request { $0.description_p = description }, caller: ann)
    }
    #expect(details.keys.sorted() == ["description"])
  }

  @Test(
    arguments: [
      (-62_135_596_801, 0), (253_402_300_800, 0), (Int64.max, 0), (Int64.min, 0),
      (253_402_300_800, 999_999_999),
    ] as [(Int64, Int32)]
  )
  func `is due in the years 1 to 9999`(seconds: Int64, nanoseconds: Int32) throws {
    let details = try violations {
      _ = try TaskDraft(
        request {
          $0.dueDate.seconds = seconds
          $0.dueDate.nanos = nanoseconds
        },
        caller: ann
      )
    }
    #expect(details == ["due_date": "is outside the years 1 to 9999"])
  }

  @Test func `that is wrong in many ways has all of them named at once`() throws {
    let details = try violations {
      _ = try TaskDraft(
        request {
          $0.title = ""
          $0.description_p = text(10_001)
          $0.status = .UNRECOGNIZED(9)
          $0.priority = .UNRECOGNIZED(-1)
          $0.userID = "bob"
          $0.dueDate.seconds = .max
        },
        caller: ann
      )
    }
    #expect(
      details.keys.sorted() == [
        "description", "due_date", "priority", "status", "title", "user_id",
      ]
    )
    #expect(details["status"] == "must be one of PENDING, IN_PROGRESS, COMPLETED, CANCELLED")
    #expect(details["priority"] == "must be one of LOW, MEDIUM, HIGH, URGENT")
  }

  @Test func `for somebody else needs an admin or a service`() throws {
    let request = request { $0.userID = bob.userID.text }
    #expect(try code { _ = try TaskDraft(request, caller: ann) } == .permissionDenied)
    #expect(try TaskDraft(request, caller: bob).userID == bob.userID)
    #expect(try TaskDraft(request, caller: admin).userID == bob.userID)
    #expect(try TaskDraft(request, caller: service).userID == bob.userID)
  }
}
