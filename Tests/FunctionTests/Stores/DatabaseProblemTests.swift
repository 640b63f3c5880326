import API
import Endpoint
import PostgreSQL
import Stores
import Testing
import Values

/// The problems that clients see for database errors.
struct DatabaseProblemTests {
  @Test(
    arguments: [
      // query_canceled, by statement_timeout
      ("57014", .deadlineExceeded),
      // The connection.
      ("08006", .unavailable), ("08003", .unavailable), ("08P01", .unavailable),
      // No disk, no memory, too many connections.
      ("53100", .unavailable), ("53200", .unavailable), ("53300", .unavailable),
      // Shutting down, crashed or starting up.
      ("57P01", .unavailable), ("57P02", .unavailable), ("57P03", .unavailable),
      // Conflicts that three attempts did not resolve; a standby.
      ("40001", .unavailable), ("40P01", .unavailable), ("25006", .unavailable),
      // Errors that a client can do nothing about.
      ("23505", .internal), ("23503", .internal), ("23514", .internal), ("22001", .internal),
      ("42501", .internal), ("42P01", .internal), ("42703", .internal), ("XX000", .internal),
      ("22021", .internal), ("0A000", .internal), ("26000", .internal),
    ] as [(String, Problem.Code)]
  )
  func `each SQLSTATE is a problem, and a client sees no more than its code`(
    sqlState: String,
    code: Problem.Code
  ) {
    let problem = Problem(
      .refused(sqlState: sqlState, message: "relation \"secret\"", constraint: nil)
    )

    #expect(problem.code == code)
    #expect(!problem.message.contains("secret"))
    #expect(problem.details.isEmpty)
    #expect(problem.cause == "SQLSTATE \(sqlState): relation \"secret\"")
  }

  @Test func `the violated index tells what is taken`() {
    func problem(_ index: String) -> Problem {
      Problem(.refused(sqlState: "23505", message: "duplicate key", constraint: index))
    }

    #expect(problem("users_username_key").code == .usernameTaken)
    #expect(problem("users_email_key").code == .emailTaken)
    #expect(problem("users_pkey").code == .internal)
  }

  @Test func `no database is unavailable, a late one exceeds the deadline`() {
    #expect(Problem(.unreachable("host \"db1\"")).code == .unavailable)
    #expect(!Problem(.unreachable("host \"db1\"")).message.contains("db1"))
    #expect(Problem(.deadlineExceeded).code == .deadlineExceeded)
    #expect(Problem(.unexpectedValue("column 3")).code == .internal)
  }

  @Test func `the indexes have the names that the table knows`() throws {
    let database = try Postgres.database(.user)
    let fixture = try Fixture()
    let ada = try fixture.user()
    func problem(_ username: String, _ email: String) throws -> Problem.Code? {
      do {
        _ = try database.write(
          Query(
            """
            INSERT INTO users (id, username, email, password, created_at, updated_at)
            VALUES ($1, $2, $3, '$2b$', now(), now())
            """,
            .text(fixture.id().text),
            .text(username),
            .text(email)
          )
        )
        return nil
      } catch let error as DatabaseError {
        return Problem(error).code
      }
    }

    #expect(try problem(ada.username.uppercased(), "x\(ada.email)") == .usernameTaken)
    #expect(try problem("x\(ada.username)", ada.email.uppercased()) == .emailTaken)
  }
}
