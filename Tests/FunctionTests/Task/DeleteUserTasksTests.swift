import API
import Endpoint
import PostgreSQL
import Runtime
import Serving
import Testing
import Values

@testable import DeleteUserTasks

struct DeleteUserTasksTests {
  let fixture: Fixture
  let service: Caller
  let ada: Person

  init() throws {
    fixture = try Fixture()
    service = try fixture.stranger(.service).caller
    ada = try fixture.stranger()
  }

  func addTasks(_ count: Int64, of person: Person) throws {
    _ = try fixture.taskService.database.write(
      Query(
        """
        INSERT INTO tasks (id, title, user_id, created_at, updated_at)
        SELECT gen_random_uuid(), 'Paint', $1, now(), now() FROM generate_series(1, $2::integer)
        """,
        .text(person.id.text),
        .integer(count)
      )
    )
  }

  func count(of person: Person) throws -> Int64? {
    try fixture.taskService.database.read(
      Query("SELECT count(*) FROM tasks WHERE user_id = $1", .text(person.id.text))
    ) { try $0.integer(0) }.first
  }

  @Test func `all tasks of the user go, and nobody else's`() throws {
    let bob = try fixture.stranger()
    try addTasks(1300, of: ada)
    try addTasks(3, of: bob)
    for _ in 0..<2 { try fixture.deleteUserTasks(.with { $0.userID = ada.id.text }, as: service) }
    #expect(try count(of: ada) == 0)
    #expect(try count(of: bob) == 3)
  }

  @Test func `what there is no time for is left for the next call`() throws {
    try addTasks(1300, of: ada)
    let context = Context(
      now: fixture.clock.now,
      caller: service,
      deadline: Deadline(millisecondsFromNow: 100)
    )
    let function = fixture.deleteUserTasks.function
    #expect(try function.respond(to: ada.id, in: context).more)
    #expect(try count(of: ada) == 800)
    #expect(try !fixture.deleteUserTasks(.with { $0.userID = ada.id.text }, as: service).more)
  }

  @Test func `only services may call it`() throws {
    for role in [Role.user, .admin] {
      let person = try fixture.stranger(role)
      let answer = try fixture.deleteUserTasks.rpc(
        [.with { $0.userID = person.id.text }],
        token: person.token
      )
      #expect(answer.code == .permissionDenied)
    }
    #expect(
      fixture.deleteUserTasks.refusal(.with { $0.userID = "me" }, as: service)?.code
        == .invalidArgument
    )
  }
}
