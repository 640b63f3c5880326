import API
import Endpoint
import Resilience
import Testing
import Values

@testable import ServiceClient

struct `A service client` {
  /// Returns the outcomes that a test has put into it, one after the other, and records the calls.
  private final class Script: Transport {
    var outcomes: [Result<[UInt8], CallFailure>]
    var calls: [(rpc: String, message: [UInt8], metadata: [String: String], left: Int32)] = []

    init(_ outcomes: [Result<[UInt8], CallFailure>]) { self.outcomes = outcomes }

    func call(
      _ rpc: String,
      message: [UInt8],
      metadata: [(name: String, value: String)],
      deadline: Deadline
    ) throws -> [UInt8] {
      calls.append(
        (
          rpc, message, Dictionary(uniqueKeysWithValues: metadata.map { ($0.name, $0.value) }),
          deadline.millisecondsLeft
        )
      )
      return try outcomes.removeFirst().get()
    }
  }

  private let context = Context(
    now: Instant(seconds: 1_795_000_000),
    caller: .unknown,
    trace: Trace(
      requestID: "r-7",
      parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ),
    deadline: .never
  )

  private func client(
    _ script: Script,
    breaker: CircuitBreaker = CircuitBreaker(path: nil),
    pause: @escaping (UInt32) -> Void = { _ in }
  ) -> ServiceClient {
    ServiceClient(transport: script, breaker: breaker, token: { _ in "t" }, pause: pause)
  }

  private func ask(
    _ client: ServiceClient,
    context: Context? = nil,
    milliseconds: Int = 300,
    isRepeatable: Bool = true
  ) throws -> UserMessage {
    try client.call(
      "user.v1.UserService/GetUser",
      GetUserRequest.with { $0.id = "me" },
      in: context ?? self.context,
      withinMilliseconds: milliseconds,
      isRepeatable: isRepeatable
    )
  }

  private let ada: [UInt8] = [0x12, 3, 0x61, 0x64, 0x61]
  private let outage = CallFailure(.unavailable, "away")

  @Test func `shows its token and passes on whose request it is`() throws {
    let script = Script([.success(ada)])
    #expect(try ask(client(script)).username == "ada")
    #expect(script.calls.count == 1)
    #expect(script.calls[0].rpc == "user.v1.UserService/GetUser")
    #expect(script.calls[0].message == [0x0A, 2, 0x6D, 0x65])
    #expect(
      script.calls[0].metadata == [
        "authorization": "Bearer t", "x-request-id": "r-7",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      ]
    )
    #expect((1...300).contains(script.calls[0].left))
  }

  @Test func `asks again when the service is unavailable, with pauses that may grow`() throws {
    let script = Script([.failure(outage), .failure(outage), .success(ada)])
    var pauses: [UInt32] = []
    #expect(try ask(client(script) { pauses.append($0) }).username == "ada")
    #expect(pauses.count == 2)
    #expect(pauses[0] <= 20_000)
    #expect(pauses[1] <= 40_000)
  }

  @Test func `asks three times and no more`() {
    let script = Script(Array(repeating: .failure(outage), count: 9))
    #expect(throws: outage) { try ask(client(script)) }
    #expect(script.calls.count == 3)
  }

  @Test func `does not ask again what may have happened, nor what has been answered`() {
    let away = Script([.failure(outage), .success(ada)])
    #expect(throws: outage) { try ask(client(away), isRepeatable: false) }
    let unknown = CallFailure(.notFound, "no")
    let answered = Script([.failure(unknown), .success(ada)])
    #expect(throws: unknown) { try ask(client(answered)) }
    #expect(away.calls.count + answered.calls.count == 2)
  }

  @Test func `does not ask again when there is no time left`() {
    let script = Script([.failure(outage), .success(ada)])
    let late = Context(
      now: context.now,
      caller: .unknown,
      deadline: Deadline(millisecondsFromNow: 0)
    )
    #expect(throws: outage) { try ask(client(script), context: late) }
    #expect(script.calls.count == 1)
  }

  @Test func `does not ask at all once the service is known to be down`() {
    let script = Script(Array(repeating: .failure(CallFailure(.deadlineExceeded, "")), count: 9))
    let client = client(script)
    for _ in 0..<7 { _ = try? ask(client) }
    #expect(script.calls.count == 5)
  }

  @Test func `takes neither a refusal nor its own caller's deadline for an outage`() {
    let refusal = Script(Array(repeating: .failure(CallFailure(.notFound, "")), count: 9))
    let first = client(refusal)
    for _ in 0..<9 { _ = try? ask(first) }
    #expect(refusal.calls.count == 9)

    let haste = Script(Array(repeating: .failure(CallFailure(.deadlineExceeded, "")), count: 9))
    let second = client(haste)
    let hurried = Context(
      now: context.now,
      caller: .unknown,
      deadline: Deadline(millisecondsFromNow: 10)
    )
    for _ in 0..<9 { _ = try? ask(second, context: hurried) }
    #expect(haste.calls.count == 9)
  }

  @Test func `takes an invalid answer for an error`() throws {
    let script = Script([.success([0xFF])])
    #expect { try ask(client(script)) } throws: { ($0 as? CallFailure)?.status == .internal }
  }

  @Test func `finds nobody behind a port that is closed, and does not wait`() {
    let client = ServiceClient(
      transport: CurlTransport(url: "http://127.0.0.1:1"),
      breaker: CircuitBreaker(path: nil),
      token: { _ in "t" }
    )
    #expect { try ask(client) } throws: { ($0 as? CallFailure)?.status == .unavailable }
  }
}
