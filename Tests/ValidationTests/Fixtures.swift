import API
import Endpoint
import Testing
import Validation
import Values

/// 2023-11-14T22:13:20Z.
let now = Instant(seconds: 1_700_000_000)

let ann = Caller(
  userID: ID(stored: "0190b6f0-0000-7000-8000-00000000000a"),
  role: .user,
  sessionID: ID(stored: "s")
)
let bob = Caller(
  userID: ID(stored: "0190b6f0-0000-7000-8000-00000000000b"),
  role: .user,
  sessionID: ID(stored: "s")
)
let admin = Caller(
  userID: ID(stored: "0190b6f0-0000-7000-8000-0000000000ad"),
  role: .admin,
  sessionID: ID(stored: "s")
)
let service = Caller(userID: ID(stored: "0190b6f0-0000-7000-8000-0000000000ce"), role: .service)

/// A text of `count` characters that takes `count` times the bytes of `character`.
func text(_ count: Int, of character: String = "x") -> String {
  String(repeating: character, count: count)
}

extension Message {
  /// A message with what `fill` sets.
  init(_ fill: (inout Self) -> Void) {
    self.init()
    fill(&self)
  }
}

/// The details of the `INVALID_ARGUMENT` that `body` throws.
func violations(
  _ location: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) throws -> [String: String] {
  let problem = try #require(throws: Problem.self, sourceLocation: location, performing: body)
  #expect(problem.code == .invalidArgument, sourceLocation: location)
  return problem.details
}

/// The code of the problem that `body` throws.
func code(_ location: SourceLocation = #_sourceLocation, _ body: () throws -> Void) throws
  -> Problem.Code
{
  try #require(throws: Problem.self, sourceLocation: location, performing: body).code
}
