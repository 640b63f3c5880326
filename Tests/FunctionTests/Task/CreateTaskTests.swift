import API
import Endpoint
import JSON
import PostgreSQL
import Runtime
import ServiceClient
import Serving
import Testing
import Values

struct CreateTaskTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
  }

  func post(_ json: String, as caller: Person? = nil) throws -> Answer {
    try fixture.createTask.rest("POST", "/api/v1/tasks", json: json, token: (caller ?? ada).token)
  }

  /// The number of a user's tasks.
  func count(_ person: Person) throws -> Int {
    try fixture.taskService.database.read(
      Query("SELECT id FROM tasks WHERE user_id = $1", .text(person.id.text))
    ) { try $0.text(0) }.count
  }

  @Test func `a new task gets an id, the defaults, the time and its owner`() throws {
    let task = try fixture.createTask(.with { $0.title = "Paint the fence" }, as: ada.caller)

    #expect(ID(task.id) != nil)
    #expect(task.title == "Paint the fence")
    #expect(!task.hasDescription_p)
    #expect(task.status == .pending)
    #expect(task.priority == .medium)
    #expect(task.userID == ada.id.text)
    #expect(!task.hasDueDate)
    #expect(task.createdAt.instant == fixture.clock.now)
    #expect(task.updatedAt == task.createdAt)
    #expect(task.version == 1)
    #expect(try fixture.getTask(.with { $0.id = task.id }, as: ada.caller) == task)
  }

  @Test func `over REST it is a 201 with the place and every field`() throws {
    let answer = try post(
      """
      {"title": "Call", "description": "", "status": "IN_PROGRESS", "priority": "URGENT",
       "user_id": "\(ada.id.text.uppercased())", "due_date": "2026-12-01T10:00:00.123456+02:00"}
      """
    )

    #expect(answer.status == 201)
    #expect(answer.headers["Location"] == "/api/v1/tasks/\(answer.text("id") ?? "")")
    #expect(answer.headers["ETag"] == "\"1\"")
    #expect(
      answer.names == [
        "id", "title", "description", "status", "priority", "user_id", "due_date", "created_at",
        "updated_at", "version", "reminders",
      ]
    )
    #expect(answer.text("description") == "")
    #expect(answer.text("status") == "IN_PROGRESS")
    #expect(answer.text("priority") == "URGENT")
    #expect(answer.text("user_id") == ada.id.text)
    #expect(answer.text("due_date") == "2026-12-01T08:00:00.123456Z")
  }

  @Test func `null is as good as nothing for what is optional`() throws {
    let answer = try post(
      #"{"title": "x", "description": null, "status": null, "priority": null, "user_id": null, "due_date": null}"#
    )

    #expect(answer.status == 201)
    #expect(answer["description"] == .null)
    #expect(answer.text("priority") == "MEDIUM")
  }

  @Test(arguments: [Role.admin, .service])
  func `an admin or a service creates tasks for others`(role: Role) throws {
    let task = try fixture.createTask(
      .with { ($0.title, $0.userID) = ("For Ada", ada.id.text) },
      as: fixture.stranger(role).caller
    )

    #expect(task.userID == ada.id.text)
    #expect(try fixture.getTask(.with { $0.id = task.id }, as: ada.caller) == task)
  }

  @Test func `a user creates none for others`() throws {
    let bob = try fixture.stranger()
    let answer = try post(#"{"title": "For Bob", "user_id": "\#(bob.id)"}"#)

    #expect(answer.status == 403)
    #expect(answer.code == .permissionDenied)
    #expect(try count(bob) == 0)
    #expect(try count(ada) == 0)
  }

  @Test func `one answer names every invalid field and nothing is added`() throws {
    let answer = try post(
      """
      {"title": "", "description": 1, "status": "DONE", "priority": "low", "user_id": "me",
       "due_date": "2026-02-30T00:00:00Z", "colour": "red"}
      """
    )

    #expect(answer.code == .invalidArgument)
    #expect(
      Set(answer.details.keys) == [
        "title", "description", "status", "priority", "user_id", "due_date", "colour",
      ]
    )
    #expect(answer.details["status"] == "must be one of PENDING, IN_PROGRESS, COMPLETED, CANCELLED")
    #expect(try count(ada) == 0)
  }

  @Test func `lengths are counted in characters`() throws {
    let fits = try post(
      #"{"title": "\#(String(repeating: "😀", count: 255))", "description": "\#(String(repeating: "é", count: 10_000))"}"#
    )
    #expect(fits.status == 201)
    #expect(fits.text("title")?.unicodeScalars.count == 255)

    let tooLong = try post(
      #"{"title": "\#(String(repeating: "t", count: 256))", "description": "\#(String(repeating: "d", count: 10_001))"}"#
    )
    #expect(tooLong.code == .invalidArgument)
    #expect(tooLong.details.keys.sorted() == ["description", "title"])
  }

  @Test func `text comes back as it went in`() throws {
    let texts = [
      "'; DROP TABLE tasks; --", "$1 %s \\n \\", "\"quoted\" and `ticked`", "tab\tline\nreturn\r.",
      "a\u{1}\u{1F}\u{7F}", "\u{202E}right to left\u{202C} שלום",
      "e\u{301} and é",
      "👩‍👩‍👧‍👦 🏳️‍🌈", "b\u{FEFF}om", "a\u{2028}\u{2029}b", "\u{FFFE}\u{10FFFF}", "NULL", "{}",
    ]
    for text in texts {
      let task = try fixture.createTask(
        .with { ($0.title, $0.description_p) = (text, text) },
        as: ada.caller
      )
      let answer = try fixture.getTask.rest("GET", "/api/v1/tasks/\(task.id)", token: ada.token)
      for field in ["title", "description"] {
        let read = answer.text(field) ?? "nothing"
        #expect(read.unicodeScalars.elementsEqual(text.unicodeScalars), "\(text.debugDescription)")
      }
    }
  }

  @Test func `text loses the blanks around it, and shows something`() throws {
    let task = try fixture.createTask(
      .with { ($0.title, $0.description_p) = ("\u{FEFF} leading and trailing\n", "\u{200B}\t") },
      as: ada.caller
    )
    #expect(task.title == "leading and trailing")
    #expect(task.hasDescription_p && task.description_p == "")
    for title in ["\u{2028}\u{2029}", "\u{1}\u{1F}\u{7F}", "\u{3164}"] {
      let problem = fixture.createTask.refusal(.with { $0.title = title }, as: ada.caller)
      #expect(problem?.details == ["title": "must not be empty"])
    }
  }

  @Test(arguments: [
    "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2000-02-29T12:00:00.000001Z",
    "9999-12-31T23:59:59.999999Z",
  ])
  func `a due date keeps its microseconds, from year 1 to 9999`(date: String) throws {
    let answer = try post(#"{"title": "Due", "due_date": "\#(date)"}"#)

    let read = try fixture.getTask.rest(
      "GET",
      "/api/v1/tasks/\(answer.text("id") ?? "")",
      token: ada.token
    )
    #expect(read.text("due_date") == date)
  }

  @Test
  func `no task is created for a user who does not exist, and the caller's own id is not checked`()
    throws
  {
    var asked: [String] = []
    fixture.directory = UserDirectory { user, _ in
      asked.append(user.text)
      return .unknown
    }
    let admin = try fixture.stranger(.admin)
    let nobody = fixture.id()
    let answer = try fixture.createTask.rest(
      "POST",
      "/api/v1/tasks",
      json: #"{"title": "x", "user_id": "\#(nobody)"}"#,
      token: admin.token
    )
    #expect(answer.status == 404)
    #expect(answer.code == .userNotFound)
    #expect(asked == [nobody.text])
    #expect(
      try fixture.listUserTasks(
        .with { $0.userID = nobody.text },
        as: fixture.stranger(.service).caller
      ).tasks.isEmpty
    )

    try fixture.createTask(.with { $0.title = "mine" }, as: admin.caller)
    #expect(asked.count == 1)
  }

  @Test(arguments: [UserDirectory.Answer.known(UserMessage()), .unavailable])
  func `for somebody who exists, or of whom nobody says anything, there is one`(
    answer: UserDirectory.Answer
  ) throws {
    fixture.directory = UserDirectory { _, _ in answer }
    let id = fixture.id().text
    let task = try fixture.createTask(
      .with { ($0.title, $0.userID) = ("x", id) },
      as: fixture.stranger(.service).caller
    )
    #expect(task.userID == id)
  }
}
