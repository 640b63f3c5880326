import API
import Endpoint
import Testing
import Values

/// The two steps of a function when it is called.
struct InputTests {
  /// A function that records how it is called.
  struct Spy: Function {
    final class Notes {
      var inputs = 0
      var responses: [String] = []
    }

    static let contract = FunctionContract(
      name: "get-spy",
      route: Route(.get, path: "/spies/{id}", rpc: "spy.v1.Spies/GetSpy"),
      access: .anyone,
      problems: Problem.Code.allCases,
      description: "{}"
    )

    let notes = Notes()
    /// A violation that every request has.
    var failure: (any Error)?

    func input(from request: GetTaskRequest, in context: Context) throws -> String {
      notes.inputs += 1
      if let failure { throw failure }
      return "input of \(request.id)"
    }

    func respond(to input: String, in context: Context) throws -> Empty {
      notes.responses.append(input)
      return Empty()
    }
  }

  struct Unexpected: Error {}

  let fixture: Fixture

  init() throws { fixture = try Fixture() }

  func get(_ target: String, _ spy: Spy) throws -> Answer {
    try Door(spy, fixture.taskService).rest("GET", target)
  }

  static let invalid = Problem(
    .invalidArgument,
    "two fields",
    details: ["title": "is bad", "colour": "is bad too"]
  )

  @Test func `a right request is turned into the input once, and responded to once`() throws {
    let spy = Spy()
    #expect(try get("/spies/7", spy).status == 204)
    #expect(spy.notes.inputs == 1)
    #expect(spy.notes.responses == ["input of 7"])

    let door = Door(spy, fixture.taskService)
    #expect(try door.rpc([.with { $0.id = "8" }]).status == .ok)
    #expect(spy.notes.inputs == 2)
    #expect(spy.notes.responses.last == "input of 8")
  }

  @Test func `a request without an input is not responded to`() throws {
    let spy = Spy(failure: Self.invalid)
    let answer = try get("/spies/7", spy)
    #expect(answer.code == .invalidArgument)
    #expect(answer.details == Self.invalid.details)
    #expect(spy.notes.inputs == 1)
    #expect(spy.notes.responses.isEmpty)
  }

  @Test func `a request with a wrong field is asked once for the others, and not responded to`()
    throws
  {
    let spy = Spy()
    let answer = try get("/spies/7?colour=red", spy)
    #expect(answer.details.keys.sorted() == ["colour"])
    #expect(spy.notes.inputs == 1)
    #expect(spy.notes.responses.isEmpty)

    // By gRPC, it is a missing field.
    let door = Door(spy, fixture.taskService)
    #expect(try door.rpc([.init()]).fields == ["id": "is required"])
    #expect(spy.notes.inputs == 2)
    #expect(spy.notes.responses.isEmpty)
  }

  @Test func `one answer names the fields that the reader and the function find wrong`() throws {
    let alone = try get("/spies/7?colour=red", Spy())
    let spy = Spy(failure: Self.invalid)
    let answer = try get("/spies/7?colour=red", spy)
    #expect(answer.code == .invalidArgument)
    #expect(answer.details.keys.sorted() == ["colour", "title"])
    // Of two reasons, the reader's is kept.
    #expect(answer.details["colour"] == alone.details["colour"])
    #expect(spy.notes.inputs == 1)
    #expect(spy.notes.responses.isEmpty)
  }

  @Test func `other trouble with the input comes up when the fields are right`() throws {
    for (failure, code) in [(Problem.taskNotFound, .taskNotFound), (Unexpected(), .internal)]
      as [(any Error, Problem.Code)]
    {
      let spy = Spy(failure: failure)
      let wrong = try get("/spies/7?colour=red", spy)
      #expect(wrong.code == .invalidArgument)
      #expect(wrong.details.keys.sorted() == ["colour"])
      #expect(try get("/spies/7", spy).code == code)
      #expect(spy.notes.responses.isEmpty)
    }
  }

  @Test
  func `a problem that comes before wrong fields hides them, but not from other wrong fields`()
    throws
  {
    let made = Result<String, any Error>.failure(Self.invalid)
    let spy = Spy(failure: Problem.taskNotFound.outranking(made))

    let hiding = try get("/spies/7", spy)
    #expect(hiding.code == .taskNotFound)
    #expect(hiding.body == (try get("/spies/7", Spy(failure: Problem.taskNotFound)).body))
    let wrong = try get("/spies/7?size=1", spy)
    #expect(wrong.code == .invalidArgument)
    #expect(wrong.details.keys.sorted() == ["colour", "size", "title"])
  }

  @Test func `a problem that comes before nothing stays as it is`() {
    #expect(Problem.taskNotFound.outranking(Result { 7 }) == .taskNotFound)
    #expect(
      Problem.taskNotFound.outranking(Result<Int, any Error>.failure(Problem.userNotFound))
        == .taskNotFound
    )
    #expect(
      Problem.taskNotFound.outranking(Result<Int, any Error>.failure(Unexpected()))
        == .taskNotFound
    )
  }

  @Test func `without rules of its own a function responds to the request`() throws {
    struct Plain: Function {
      static let contract = FunctionContract(
        name: "plain",
        route: Route(.get, path: "/plain/{id}", rpc: nil),
        access: .anyone,
        problems: Problem.Code.allCases,
        description: "{}"
      )

      func respond(to request: GetTaskRequest, in context: Context) throws -> TaskMessage {
        .with { $0.id = request.id }
      }
    }
    let plain = Door(Plain(), fixture.taskService)
    #expect(try plain.rest("GET", "/plain/7").text("id") == "7")
    #expect(try plain.rest("GET", "/plain/7?colour=red").details.keys.sorted() == ["colour"])
  }
}
