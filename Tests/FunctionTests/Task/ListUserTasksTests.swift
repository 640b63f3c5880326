import API
import Endpoint
import JSON
import ServiceClient
import Testing
import Values

struct ListUserTasksTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
    for title in ["a", "b", "c"] {
      fixture.clock.advance(seconds: 1)
      try fixture.createTask(
        .with {
          $0.title = title
          if title == "b" { $0.priority = .urgent }
        },
        as: ada.caller
      )
    }
  }

  func get(_ query: String, as caller: Person, of id: String? = nil) throws -> Answer {
    try fixture.listUserTasks.rest(
      "GET",
      "/api/v1/users/\(id ?? ada.id.text)/tasks\(query)",
      token: caller.token
    )
  }

  func titles(_ answer: Answer) -> [String?] { answer.objects("tasks").map { $0["title"]?.string } }

  @Test func `a user lists their own`() throws {
    let answer = try get("", as: ada)

    #expect(answer.status == 200)
    #expect(titles(answer) == ["c", "b", "a"])
  }

  @Test(arguments: [Role.admin, .service])
  func `admins and services list anybody's`(role: Role) throws {
    let answer = try get(
      "?priority=URGENT",
      as: fixture.stranger(role),
      of: ada.id.text.uppercased()
    )

    #expect(titles(answer) == ["b"])
  }

  @Test func `to others there is no such user, and no id but a UUID is one`() throws {
    let bob = try fixture.stranger()
    let there = try get("", as: bob)

    #expect(there.status == 404)
    #expect(there.code == .userNotFound)
    #expect(try get("", as: bob, of: fixture.id().text).body == there.body)
    #expect(try get("", as: fixture.stranger(.admin), of: "me").code == .userNotFound)
  }

  @Test func `all filters and orders of the other list are there`() throws {
    let now = fixture.clock.now.rfc3339
    let answer = try get(
      "?page_size=2&page_token=&status=PENDING&priority=MEDIUM&priority=URGENT&q=b&order_by=updated_at"
        + "&due_before=\(now)&due_after=\(now)",
      as: ada
    )
    #expect(answer.status == 200)
    #expect(titles(answer) == [])

    #expect(try titles(get("?order_by=created_at&q=b", as: ada)) == ["b"])
  }

  @Test func `one answer names every filter that makes no sense`() throws {
    let answer = try get("?status=DONE&page_size=201&order_by=x&colour=red", as: ada)

    #expect(answer.code == .invalidArgument)
    #expect(Set(answer.details.keys) == ["status", "page_size", "order_by", "colour"])
  }

  @Test func `a link leads from page to page, filters included`() throws {
    var path: String? =
      "/api/v1/users/\(ada.id)/tasks?page_size=1&order_by=created_at%20asc&status=PENDING"
    var found: [String?] = []
    while let next = path, found.count < 10 {
      let answer = try fixture.listUserTasks.rest("GET", next, token: ada.token)
      found += titles(answer)
      path = answer.headers["Link"].map { String($0.dropFirst().prefix { $0 != ">" }) }
    }
    #expect(found == ["a", "b", "c"])
  }

  @Test func `a page token of other filters is refused`() throws {
    let token = try #require(get("?page_size=1", as: ada).text("next_page_token"))

    let answer = try get("?page_size=1&status=PENDING&page_token=\(token)", as: ada)
    #expect(answer.status == 400)
    #expect(answer.code == .invalidPageToken)
    #expect(answer.details == ["page_token": "is not valid here"])
  }

  @Test
  func
    `to admins there is no such user when the User service says so, but not when it is unavailable`()
    throws
  {
    let admin = try fixture.stranger(.admin)
    fixture.directory = UserDirectory { _, _ in .unknown }
    #expect(try get("", as: admin).code == .userNotFound)
    #expect(try get("", as: fixture.stranger(.service)).status == 200)
    #expect(try get("", as: ada).status == 200)
    fixture.directory = UserDirectory { _, _ in .unavailable }
    #expect(titles(try get("", as: admin)) == ["c", "b", "a"])
    fixture.directory = UserDirectory { _, _ in .known(UserMessage()) }
    #expect(titles(try get("", as: admin)) == ["c", "b", "a"])
  }
}
