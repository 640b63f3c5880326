import API
import Endpoint
import JSON
import Testing
import Values

struct ListUsersTests {
  let fixture: Fixture
  let admin: Person
  /// Users, newest first; some have the same time.
  let ids: [String]

  init() throws {
    fixture = try Fixture(users: ScratchDatabase(migrations: "user_db"))
    admin = try fixture.stranger(.admin)
    var users: [(Instant, String)] = []
    for number in 0..<23 {
      if number.isMultiple(of: 5) { fixture.clock.advance(seconds: 1) }
      users.append((fixture.clock.now, try fixture.user().id.text))
    }
    ids = users.sorted { $0 > $1 }.map(\.1)
  }

  @Test(arguments: [Role.admin, .service])
  func `admins and services see all users, the newest first`(role: Role) throws {
    let response = try fixture.listUsers(ListUsersRequest(), as: fixture.stranger(role).caller)

    #expect(response.users.map(\.id) == ids)
    #expect(response.nextPageToken.isEmpty)
  }

  @Test func `a user may not`() throws {
    let answer = try fixture.listUsers.rest("GET", "/api/v1/users", token: fixture.stranger().token)

    #expect(answer.status == 403)
    #expect(answer.code == .permissionDenied)
  }

  @Test(arguments: [1, 7, 22, 23, 200] as [Int32])
  func `the pages together are the whole`(size: Int32) throws {
    var found: [String] = []
    var request = ListUsersRequest.with { $0.pageSize = size }
    repeat {
      let response = try fixture.listUsers(request, as: admin.caller)
      #expect(response.users.count <= size)
      found += response.users.map(\.id)
      request.pageToken = response.nextPageToken
    } while !request.pageToken.isEmpty && found.count < 100
    #expect(found == ids)
  }

  @Test func `over REST a link leads to the next page`() throws {
    let first = try fixture.listUsers.rest("GET", "/api/v1/users?page_size=20", token: admin.token)
    let token = try #require(first.text("next_page_token"))

    #expect(first.status == 200)
    #expect(first.names == ["users", "next_page_token"])
    #expect(
      first.headers["Link"] == "</api/v1/users?page_size=20&page_token=\(token)>; rel=\"next\""
    )
    let last = try fixture.listUsers.rest(
      "GET",
      "/api/v1/users?page_size=20&page_token=\(token)",
      token: admin.token
    )
    #expect(last.objects("users").map { $0["id"]?.string } == ids.suffix(3))
    #expect(last.text("next_page_token") == "")
    #expect(last.headers["Link"] == nil)
  }

  @Test(arguments: ["0", "-1", "201", "9999", "ten", "1.0", ""])
  func `a page has 1 to 200 users`(size: String) throws {
    let answer = try fixture.listUsers.rest(
      "GET",
      "/api/v1/users?page_size=\(size)",
      token: admin.token
    )

    #expect(answer.code == .invalidArgument)
    #expect(answer.details.keys.sorted() == ["page_size"])
  }

  @Test func `a page token that this list did not give is refused`() throws {
    let tasks = fixture.listTasks
    let owner = try fixture.stranger()
    for _ in 0..<2 { try fixture.createTask(.with { $0.title = "A task" }, as: owner.caller) }
    let foreign = try tasks(.with { $0.pageSize = 1 }, as: owner.caller).nextPageToken
    let own = try fixture.listUsers(.with { $0.pageSize = 1 }, as: admin.caller).nextPageToken
    let swapped = String(own.dropLast()) + (own.last == "A" ? "B" : "A")

    for token in [foreign, swapped, own + "A", String(own.dropFirst()), "x", "%"]
    where !token.isEmpty {
      let problem = fixture.listUsers.refusal(.with { $0.pageToken = token }, as: admin.caller)
      #expect(problem?.code == .invalidPageToken, "\(token)")
    }
  }
}
