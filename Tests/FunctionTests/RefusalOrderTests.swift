import API
import Endpoint
import ServiceClient
import Testing
import Values

/// Requests with several errors, and the one that the answer reports.
struct RefusalOrderTests {
  let fixture: Fixture
  let ada: Person
  let admin: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
    admin = try fixture.stranger(.admin)
  }

  /// The parts of an answer that a client sees: the code, and the named fields.
  struct Refusal: Equatable {
    let code: Problem.Code?
    let fields: Set<String>

    init(_ code: Problem.Code?, _ fields: Set<String> = []) {
      self.code = code
      self.fields = fields
    }

    init(_ answer: Answer) { self.init(answer.code, Set(answer.details.keys)) }
  }

  // MARK: Users

  @Test func `closed sign-up comes before rules, and after fields of the wrong type`() throws {
    let closed = try Fixture(settings: ["SIGN_UP": "closed"])
    func post(_ json: String) throws -> Refusal {
      Refusal(try closed.createUser.rest("POST", "/api/v1/users", json: json))
    }
    #expect(
      try post(#"{"username": "a!", "email": "no", "password": "1"}"#) == Refusal(.permissionDenied)
    )
    #expect(
      try post(#"{"username": "a!", "email": "no", "password": "12345678", "full_name": 7}"#)
        == Refusal(.invalidArgument, ["username", "email", "full_name"])
    )
  }

  @Test func `a user who is not there comes before rules, and after fields of the wrong type`()
    throws
  {
    for id in [fixture.id().text, "x"] {
      func patch(_ json: String) throws -> Refusal {
        Refusal(
          try fixture.updateUser.rest(
            "PATCH",
            "/api/v1/users/\(id)",
            json: json,
            token: ada.token
          )
        )
      }
      #expect(try patch(#"{"email": "no"}"#) == Refusal(.userNotFound))
      #expect(try patch(#"{"role": "ADMIN"}"#) == Refusal(.userNotFound))
      #expect(
        try patch(#"{"email": "no", "full_name": 7}"#)
          == Refusal(.invalidArgument, ["email", "full_name"])
      )
      #expect(
        try patch(#"{"role": "ADMIN", "full_name": 7}"#)
          == Refusal(.invalidArgument, ["full_name"])
      )
    }
  }

  @Test func `a role that one may not give comes after every wrong field`() throws {
    func patch(_ json: String) throws -> Refusal {
      Refusal(
        try fixture.updateUser.rest(
          "PATCH",
          "/api/v1/users/\(ada.id)",
          json: json,
          token: ada.token
        )
      )
    }
    #expect(
      try patch(#"{"role": "ADMIN", "email": "no"}"#) == Refusal(.invalidArgument, ["email"])
    )
    #expect(
      try patch(#"{"role": "ADMIN", "full_name": 7}"#) == Refusal(.invalidArgument, ["full_name"])
    )
    // Whether the user exists is checked last.
    #expect(try patch(#"{"role": "ADMIN"}"#) == Refusal(.permissionDenied))
    #expect(try patch("{}") == Refusal(.userNotFound))
  }

  // MARK: Tasks

  @Test func `an id that is none comes before rules, and after fields of the wrong type`() throws {
    func patch(_ json: String) throws -> Refusal {
      Refusal(
        try fixture.updateTask.rest("PATCH", "/api/v1/tasks/x", json: json, token: ada.token)
      )
    }
    #expect(try patch(#"{"title": ""}"#) == Refusal(.taskNotFound))
    #expect(try patch(#"{"user_id": "\#(admin.id)"}"#) == Refusal(.taskNotFound))
    #expect(
      try patch(#"{"title": "", "status": 7}"#) == Refusal(.invalidArgument, ["title", "status"])
    )
    #expect(
      try patch(#"{"user_id": "\#(admin.id)", "status": 7}"#)
        == Refusal(.invalidArgument, ["status"])
    )
  }

  @Test
  func `a task that is not there comes after rules, and so does one that one may not hand on`()
    throws
  {
    var asked = 0
    fixture.directory = UserDirectory { _, _ in
      asked += 1
      return .unknown
    }
    func patch(_ json: String, as person: Person) throws -> Refusal {
      Refusal(
        try fixture.updateTask.rest(
          "PATCH",
          "/api/v1/tasks/\(fixture.id())",
          json: json,
          token: person.token
        )
      )
    }
    let other = fixture.id()
    for person in [ada, admin] {
      #expect(
        try patch(#"{"title": "", "user_id": "\#(other)"}"#, as: person)
          == Refusal(.invalidArgument, ["title"])
      )
      #expect(try patch(#"{"title": "x"}"#, as: person) == Refusal(.taskNotFound))
    }
    #expect(
      try patch(#"{"title": "x", "user_id": "\#(other)"}"#, as: ada) == Refusal(.permissionDenied)
    )
    #expect(asked == 0)
    #expect(try patch(#"{"user_id": "\#(other)"}"#, as: admin) == Refusal(.userNotFound))
    #expect(asked == 1)
  }

  @Test
  func `a new task for another comes after every wrong field, and the question who that is last`()
    throws
  {
    var asked = 0
    fixture.directory = UserDirectory { _, _ in
      asked += 1
      return .unknown
    }
    func post(_ json: String, as person: Person) throws -> Refusal {
      Refusal(
        try fixture.createTask.rest("POST", "/api/v1/tasks", json: json, token: person.token)
      )
    }
    let other = fixture.id()
    for person in [ada, admin] {
      #expect(
        try post(#"{"title": "", "user_id": "\#(other)"}"#, as: person)
          == Refusal(.invalidArgument, ["title"])
      )
      #expect(
        try post(#"{"title": "", "status": 7, "user_id": "\#(other)"}"#, as: person)
          == Refusal(.invalidArgument, ["title", "status"])
      )
    }
    #expect(
      try post(#"{"title": "x", "user_id": "\#(other)"}"#, as: ada) == Refusal(.permissionDenied)
    )
    #expect(asked == 0)
    #expect(
      try post(#"{"title": "x", "user_id": "\#(other)"}"#, as: admin) == Refusal(.userNotFound)
    )
  }

  // MARK: Lists

  /// A page token is checked after all fields, and before the database is queried.
  @Test func `a page token comes after every wrong field`() throws {
    let lists: [(_ query: String) throws -> Answer] = [
      { try fixture.listTasks.rest("GET", "/api/v1/tasks\($0)", token: ada.token) },
      {
        try fixture.listUserTasks.rest(
          "GET",
          "/api/v1/users/\(ada.id)/tasks\($0)",
          token: ada.token
        )
      },
      { try fixture.listUsers.rest("GET", "/api/v1/users\($0)", token: admin.token) },
      { try fixture.listNotifications.rest("GET", "/api/v1/notifications\($0)", token: ada.token) },
    ]
    for list in lists {
      #expect(
        try Refusal(list("?page_token=x")) == Refusal(.invalidPageToken, ["page_token"])
      )
      #expect(
        try Refusal(list("?page_token=x&page_size=0")) == Refusal(.invalidArgument, ["page_size"])
      )
      #expect(
        try Refusal(list("?page_token=x&colour=red")) == Refusal(.invalidArgument, ["colour"])
      )
      #expect(
        try Refusal(list("?page_token=x&colour=red&page_size=0"))
          == Refusal(.invalidArgument, ["colour", "page_size"])
      )
    }
  }

  @Test func `another's tasks come after every wrong field and the page token`() throws {
    func get(_ query: String) throws -> Refusal {
      Refusal(
        try fixture.listTasks.rest(
          "GET",
          "/api/v1/tasks?user_id=\(admin.id)\(query)",
          token: ada.token
        )
      )
    }
    #expect(try get("") == Refusal(.permissionDenied))
    #expect(try get("&order_by=x") == Refusal(.invalidArgument, ["order_by"]))
    #expect(try get("&colour=red") == Refusal(.invalidArgument, ["colour"]))
    #expect(try get("&page_token=x") == Refusal(.invalidPageToken, ["page_token"]))
  }

  @Test
  func `a user whose tasks one may not list comes before rules, but not before unknown fields`()
    throws
  {
    for (id, person) in [(admin.id.text, ada), ("me", ada), ("me", admin)] {
      func get(_ query: String) throws -> Refusal {
        Refusal(
          try fixture.listUserTasks.rest(
            "GET",
            "/api/v1/users/\(id)/tasks\(query)",
            token: person.token
          )
        )
      }
      #expect(try get("?order_by=x") == Refusal(.userNotFound))
      #expect(try get("?page_token=x") == Refusal(.userNotFound))
      #expect(try get("?colour=red&order_by=x") == Refusal(.invalidArgument, ["colour"]))
    }
  }

  @Test func `a user whom the User service does not know comes after the page token`() throws {
    fixture.directory = UserDirectory { _, _ in .unknown }
    func get(_ query: String) throws -> Refusal {
      Refusal(
        try fixture.listUserTasks.rest(
          "GET",
          "/api/v1/users/\(fixture.id())/tasks\(query)",
          token: admin.token
        )
      )
    }
    #expect(try get("?page_token=x") == Refusal(.invalidPageToken, ["page_token"]))
    #expect(try get("?order_by=x") == Refusal(.invalidArgument, ["order_by"]))
    #expect(try get("") == Refusal(.userNotFound))
  }

  // MARK: Push subscriptions

  @Test func `a push service in our own network is named with every other wrong field`() throws {
    func post(_ json: String) throws -> Refusal {
      Refusal(
        try fixture.registerPushSubscription.rest(
          "POST",
          "/api/v1/push-subscriptions",
          json: json,
          token: ada.token
        )
      )
    }
    #expect(
      try post(Subscribing.json("https://localhost/x", auth: "x", expires: "1"))
        == Refusal(.invalidArgument, ["endpoint", "keys.auth", "expirationTime"])
    )
    #expect(
      try post(#"{"endpoint": "https://localhost/x", "colour": "red"}"#)
        == Refusal(.invalidArgument, ["endpoint", "keys", "colour"])
    )
  }

  // MARK: Single things

  @Test func `what is not there comes after unknown fields`() throws {
    let answers: [(_ query: String) throws -> Answer] = [
      { try fixture.getUser.rest("GET", "/api/v1/users/x\($0)", token: ada.token) },
      { try fixture.deleteUser.rest("DELETE", "/api/v1/users/x\($0)", token: ada.token) },
      { try fixture.getTask.rest("GET", "/api/v1/tasks/x\($0)", token: ada.token) },
      { try fixture.deleteTask.rest("DELETE", "/api/v1/tasks/x\($0)", token: ada.token) },
      { try fixture.getNotification.rest("GET", "/api/v1/notifications/x\($0)", token: ada.token) },
      {
        try fixture.deletePushSubscription.rest(
          "DELETE",
          "/api/v1/push-subscriptions/x\($0)",
          token: ada.token
        )
      },
      { try fixture.unsubscribe.rest("POST", "/api/v1/unsubscribe/x\($0)") },
    ]
    for answer in answers {
      #expect(try answer("").status == 404)
      #expect(try Refusal(answer("?colour=red")) == Refusal(.invalidArgument, ["colour"]))
    }
  }

  // MARK: The database

  @Test func `rules come before the database`() throws {
    let nowhere = try Fixture(
      settings: ["DATABASE_URL": "postgresql://me@/x?host=/nowhere"],
      keys: fixture.keys
    )
    let id = fixture.id().text
    let service = try fixture.stranger(.service)
    let codes: [(function: String, code: Problem.Code?)] = [
      ("CreateUser", try nowhere.createUser.refusal(.with { $0.username = "!" })?.code),
      ("ListUsers", nowhere.listUsers.refusal(.with { $0.pageSize = 0 }, as: admin.caller)?.code),
      (
        "UpdateUser",
        try nowhere.updateUser.refusal(
          .with { ($0.id, $0.email) = (ada.id.text, "no") },
          as: ada.caller
        )?.code
      ),
      ("Login", try nowhere.login.refusal(.with { $0.password = "x" })?.code),
      ("CreateTask", nowhere.createTask.refusal(.with { $0.title = "" }, as: ada.caller)?.code),
      (
        "UpdateTask",
        nowhere.updateTask.refusal(
          .with {
            $0.id = id
            $0.title = ""
          },
          as: ada.caller
        )?.code
      ),
      ("ListTasks", nowhere.listTasks.refusal(.with { $0.orderBy = "x" }, as: ada.caller)?.code),
      (
        "ListUserTasks",
        nowhere.listUserTasks.refusal(
          .with { ($0.userID, $0.orderBy) = (ada.id.text, "x") },
          as: ada.caller
        )?.code
      ),
      (
        "DeleteUserTasks",
        nowhere.deleteUserTasks.refusal(.with { $0.userID = "x" }, as: service.caller)?.code
      ),
      (
        "ListNotifications",
        nowhere.listNotifications.refusal(.with { $0.pageSize = 0 }, as: ada.caller)?.code
      ),
      (
        "SendEmail",
        try nowhere.sendEmail.refusal(.with { $0.recipient = "x" }, as: admin.caller)?.code
      ),
      (
        "SendPushNotification",
        try nowhere.sendPushNotification.refusal(.with { $0.userID = "x" }, as: admin.caller)?.code
      ),
      (
        "SendTaskReminder",
        nowhere.sendTaskReminder.refusal(.with { $0.userID = "x" }, as: service.caller)?.code
      ),
      (
        "NotifyUser",
        nowhere.notifyUser.refusal(.with { $0.userID = "x" }, as: service.caller)?.code
      ),
      (
        "SaveContact",
        nowhere.saveContact.refusal(.with { $0.userID = "x" }, as: service.caller)?.code
      ),
      (
        "ForgetUser",
        nowhere.forgetUser.refusal(.with { $0.userID = "x" }, as: service.caller)?.code
      ),
      (
        "RegisterPushSubscription",
        nowhere.registerPushSubscription.refusal(.init(), as: ada.caller)?.code
      ),
    ]
    #expect(codes.count == 17)
    for (function, code) in codes { #expect(code == .invalidArgument, "\(function)") }
  }
}
