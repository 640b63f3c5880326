import Testing
import Values

@testable import Resilience

struct `Something that is retried` {
  private enum Failure: Error {
    case moment
    case good
  }

  /// Fails so many times, and keeps the pauses that it was given.
  private final class Trial {
    var failures: [Failure]
    var attempts = 0
    var pauses: [UInt32] = []

    init(_ failures: [Failure]) { self.failures = failures }

    func run(_ retry: Retry, before deadline: Deadline = .never) throws -> Int {
      try retry.run(
        before: deadline,
        sleep: { pauses.append($0) },
        while: { $0 as? Failure == .moment },
        operation: {
          attempts += 1
          if !failures.isEmpty { throw failures.removeFirst() }
          return attempts
        }
      )
    }
  }

  @Test func `is done once when it succeeds`() throws {
    let trial = Trial([])
    #expect(try trial.run(.call) == 1)
    #expect(trial.pauses == [])
  }

  @Test func `is a call three times at most, with pauses that may grow`() throws {
    let trial = Trial([.moment, .moment])
    #expect(try trial.run(.call) == 3)
    #expect(trial.pauses.count == 2)
    #expect(trial.pauses[0] <= 20_000 && trial.pauses[1] <= 40_000)
    let hopeless = Trial(Array(repeating: .moment, count: 9))
    #expect(throws: Failure.moment) { try hopeless.run(.call) }
    #expect(hopeless.attempts == 3)
  }

  @Test func `is repeated for two seconds while a rate limit refuses it`() throws {
    let trial = Trial(Array(repeating: .moment, count: 20))
    #expect(try trial.run(.rateLimit) == 21)
    #expect(trial.pauses == Array(repeating: 100_000, count: 20))
    let hopeless = Trial(Array(repeating: .moment, count: 99))
    #expect(throws: Failure.moment) { try hopeless.run(.rateLimit) }
    #expect(hopeless.attempts == 21)
  }

  @Test func `is not repeated after a permanent failure`() {
    let trial = Trial([.moment, .good])
    #expect(throws: Failure.good) { try trial.run(.rateLimit) }
    #expect(trial.attempts == 2)
  }

  @Test func `is not repeated when the deadline comes first`() {
    let trial = Trial([.moment])
    let near = Deadline(millisecondsFromNow: 50)
    #expect(throws: Failure.moment) { try trial.run(.rateLimit, before: near) }
    #expect(trial.attempts == 1 && trial.pauses == [])
  }
}

struct `Failures in a row` {
  @Test func `are too many at the limit, and are forgotten after a success`() {
    var streak = FailureStreak.serviceOutages
    for _ in 0..<2 { streak.recordFailure() }
    #expect(!streak.isTooLong)
    streak.recordSuccess()
    for _ in 0..<2 { streak.recordFailure() }
    #expect(!streak.isTooLong)
    streak.recordFailure()
    #expect(streak.isTooLong)
    streak.recordSuccess()
    #expect(!streak.isTooLong)
  }

  @Test func `are five for reminders`() {
    var streak = FailureStreak.handovers
    for _ in 0..<4 { streak.recordFailure() }
    #expect(!streak.isTooLong)
    streak.recordFailure()
    #expect(streak.isTooLong)
  }
}
