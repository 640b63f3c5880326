import API
import Endpoint
import Jobs
import PostgreSQL
import Runtime
import Serving
import Stores
import Testing
import Values

/// The rows that `purge-expired` removes, and those that it leaves.
struct PurgeTests {
  static let day: Int64 = 86_400

  func fixture(_ service: String) throws -> Fixture {
    try Fixture(
      settings: ["SERVICE": service],
      users: ScratchDatabase(migrations: "user_db"),
      tasks: ScratchDatabase(migrations: "task_db"),
      notifications: ScratchDatabase(migrations: "notification_db")
    )
  }

  func purge(_ resources: Resources) throws {
    let purge = try Purge(resources)
    _ = try purge.run(isOver: { false })
  }

  func count(_ resources: Resources, _ sql: SQL) throws -> Int {
    Int(try resources.database.read(Query(sql)) { try $0.integer(0) }.first ?? -1)
  }

  func write(_ resources: Resources, _ sql: SQL, _ instant: Instant) throws {
    _ = try resources.database.write(Query(sql, .instant(instant)))
  }

  @Test func `sessions go a week after they have expired`() throws {
    let fixture = try fixture("auth")
    let ada = try fixture.user()
    _ = try fixture.signIn(ada)
    fixture.clock.advance(seconds: 36 * Self.day)
    try purge(fixture.authService)
    #expect(try fixture.sessionRows(of: ada).count == 1)
    fixture.clock.advance(seconds: 2 * Self.day)
    try purge(fixture.authService)
    #expect(try fixture.sessionRows(of: ada).isEmpty)
  }

  @Test
  func
    `notifications go after their time, but not what is still to be sent; many, in small pieces`()
    throws
  {
    let fixture = try fixture("notification")
    let service = fixture.notificationService
    try write(
      service,
      """
      INSERT INTO notifications (id, type, recipient, subject, body, created_at, next_attempt_at)
      SELECT gen_random_uuid(), 'EMAIL', 'a@example.com', 's', 'b', $1::timestamptz,
        CASE WHEN n = 1 THEN $1::timestamptz END
      FROM generate_series(1, 1200) n
      """,
      fixture.clock.now
    )
    try write(
      service,
      """
      INSERT INTO contacts (user_id, email, time_zone, updated_at, forgotten_at)
      VALUES ('gone', '', 'UTC', $1, $1), ('here', 'a@example.com', 'UTC', $1, NULL)
      """,
      fixture.clock.now
    )
    fixture.clock.advance(seconds: 29 * Self.day)
    try purge(service)
    #expect(try count(service, "SELECT count(*) FROM notifications") == 1200)
    #expect(try count(service, "SELECT count(*) FROM contacts") == 2)
    fixture.clock.advance(seconds: 62 * Self.day)
    var reported: [Int] = []
    _ = try Purge(service).run(isOver: { false }, report: { reported.append($1) })
    #expect(reported == [500, 1000])
    #expect(try count(service, "SELECT count(*) FROM notifications") == 1)
    #expect(try count(service, "SELECT count(*) FROM contacts") == 1)
  }

  @Test func `completed reminders are removed after their time`() throws {
    let fixture = try fixture("task")
    let service = fixture.taskService
    let ada = try fixture.stranger()
    try fixture.createTask(.with { $0.title = "Paint" }, as: ada.caller)
    try write(
      service,
      """
      INSERT INTO reminders (task_id, due_date, lead_minutes, state, created_at, settled_at, next_attempt_at)
      SELECT id, $1::timestamptz, 60, 'HANDED_OVER'::reminder_state, $1, $1, NULL FROM tasks
      UNION ALL SELECT id, $1, 10, 'PENDING', $1, NULL, $1 FROM tasks
      """,
      fixture.clock.now
    )
    fixture.clock.advance(seconds: 89 * Self.day)
    try purge(service)
    #expect(try count(service, "SELECT count(*) FROM reminders") == 2)
    fixture.clock.advance(seconds: 2 * Self.day)
    try purge(service)
    #expect(try count(service, "SELECT count(*) FROM reminders") == 1)
  }

  @Test func `relayed events go after their time`() throws {
    let fixture = try fixture("user")
    _ = try fixture.user()
    _ = try fixture.user()
    let service = fixture.userService
    try write(
      service,
      """
      UPDATE events SET relayed_at = $1, next_attempt_at = NULL
      WHERE number = (SELECT min(number) FROM events)
      """,
      fixture.clock.now
    )
    fixture.clock.advance(seconds: 8 * Self.day)
    try purge(service)
    #expect(try count(service, "SELECT count(*) FROM events") == 1)
  }

  @Test func `the service must be named`() throws {
    #expect(throws: Settings.Invalid.self) { try Purge(try Fixture().userService) }
    #expect(throws: Settings.Invalid.self) { try Purge(try self.fixture("world").userService) }
  }
}
