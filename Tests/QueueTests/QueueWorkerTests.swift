import Queue
import Runtime
import Testing
import Values

struct `A worker of a queue` {
  // MARK: The queue

  /// The behaviour of an item. Items are done at once unless a test says otherwise.
  private enum Behaviour {
    case done
    case failsOnce
    case impossible
    /// Needs another step, ten seconds later.
    case hasTwoSteps
    /// Finds that the only server is unavailable, and is retried ten seconds later.
    case findsServerAway
  }

  private struct Item: Equatable {
    let name: String
    var dueAt: Int64 = 0
    var attempts = 0
    var stepsDone = 0
    var isSettled = false
    /// Whether it is claimed by somebody who is gone.
    var isOrphan = false
  }

  private struct Failure: OperatorError { let message: String }

  /// A queue in memory, with clocks that stand still unless a test moves them.
  private final class FakeQueue: QueueConsumer {
    var seconds: Int64 = 1000
    var items: [Item]
    var behaviours: [String: Behaviour] = [:]
    /// The time that each item takes.
    var secondsEach: Int64 = 0
    var isServerAway = false

    /// Thrown by the next calls of these methods, one after the other.
    var failures: [String: [String]] = [:]
    var log: [String] = []

    var batchSize = 3
    var lease = Lease(seconds: 60)
    var pausesAfterRetries = false
    var canContinue: Bool { !isServerAway }

    init(_ names: String...) { items = names.map { Item(name: $0) } }

    var processed: [String] {
      log.filter { $0.hasPrefix("process ") }.map { String($0.dropFirst(8)) }
    }

    func fail(_ method: String) throws {
      if failures[method]?.isEmpty == false {
        throw Failure(message: failures[method]?.removeFirst() ?? "")
      }
    }

    func change(_ name: String, _ body: (inout Item) -> Void) {
      for index in items.indices where items[index].name == name { body(&items[index]) }
    }

    func releaseOrphans() throws {
      try fail("releaseOrphans")
      for item in items where item.isOrphan {
        change(item.name) {
          $0.isOrphan = false
          $0.dueAt = seconds
        }
      }
    }

    func confirm(_ item: Item) throws { try fail("confirm \(item.name)") }

    func claim(_ limit: Int, for lease: Lease) throws -> [Item] {
      try fail("claim")
      isServerAway = false
      let due = items.filter { !$0.isSettled && $0.dueAt <= seconds }.prefix(limit)
      for item in due {
        change(item.name) {
          $0.dueAt = lease.end(from: Instant(seconds: seconds)).seconds
          $0.attempts += 1
        }
      }
      return due.map { item in items.first { $0.name == item.name } ?? item }
    }

    func process(_ item: inout Item) throws -> QueueOutcome {
      log.append("process \(item.name)")
      try fail("process")
      seconds += secondsEach
      let later = Instant(seconds: seconds + 10)
      switch behaviours[item.name] ?? .done {
      case .done: return .completed()
      case .failsOnce:
        return item.attempts > 1
          ? .completed() : .retry(reason: "\(item.name) failed", at: later, isAttempt: true)
      case .impossible: return .discarded(reason: "\(item.name) is impossible")
      case .hasTwoSteps:
        item.stepsDone += 1
        return item.stepsDone > 1 ? .completed() : .resume(reason: "step 2", at: later)
      case .findsServerAway:
        isServerAway = true
        return .retry(reason: "the server is away", at: later, isAttempt: false)
      }
    }

    func record(_ outcome: QueueOutcome, of item: Item) throws {
      try fail("record")
      change(item.name) {
        $0.stepsDone = item.stepsDone
        switch outcome {
        case .completed, .discarded: $0.isSettled = true
        case .resume(_, let next):
          $0.dueAt = next.seconds
          $0.attempts -= 1
        case .retry(_, let next, let isAttempt):
          $0.dueAt = next.seconds
          if !isAttempt { $0.attempts -= 1 }
        }
      }
    }

    func endBatch(releasing rest: [Item]) throws {
      try fail("endBatch")
      for item in rest {
        log.append("release \(item.name)")
        change(item.name) {
          $0.dueAt = seconds
          $0.attempts -= 1
        }
      }
    }

    func isFailure(_ outcome: QueueOutcome) -> Bool {
      switch outcome {
      case .completed, .resume: false
      case .retry, .discarded: true
      }
    }

    // MARK: The runs of a worker

    var worker: QueueWorker<FakeQueue> {
      QueueWorker(self, monotonicMicroseconds: { self.seconds * 1_000_000 })
    }

    func drain() -> QueueReport {
      worker.run(drains: true, isOver: { false }, sleep: { _ in Issue.record("nobody waits") })
    }

    /// Runs until it has slept this many times, a second each.
    func run(sleeps: Int, whileAsleep: (_ sleeps: Int) -> Void = { _ in }) -> QueueReport {
      var slept = 0
      return worker.run(
        drains: false,
        isOver: { slept >= sleeps },
        sleep: { microseconds in
          #expect(microseconds == 1_000_000)
          slept += 1
          seconds += 1
          whileAsleep(slept)
        }
      )
    }
  }

  private func report(
    completed: Int = 0,
    postponed: Int = 0,
    discarded: Int = 0,
    released: Int = 0,
    failure: String? = nil
  ) -> QueueReport {
    var report = QueueReport()
    (report.completed, report.postponed) = (completed, postponed)
    (report.discarded, report.released) = (discarded, released)
    report.failure = failure
    return report
  }

  // MARK: Draining

  @Test func `processes what is due, in order, batch by batch, and ends`() {
    let queue = FakeQueue("a", "b", "c", "d", "e", "f", "g")
    queue.change("f") { $0.dueAt = queue.seconds + 1 }
    #expect(queue.drain() == report(completed: 6))
    #expect(queue.processed == ["a", "b", "c", "d", "e", "g"])
    #expect(queue.drain() == report())
    queue.seconds += 1
    #expect(queue.drain() == report(completed: 1))
  }

  @Test func `reports failures, with the first reason`() {
    let queue = FakeQueue("a", "b", "c")
    queue.behaviours = ["a": .failsOnce, "b": .impossible]
    #expect(
      queue.drain() == report(completed: 1, postponed: 1, discarded: 1, failure: "a failed")
    )
    queue.seconds += 10
    #expect(queue.drain() == report(completed: 1))
    #expect(queue.items[0].attempts == 2)
  }

  @Test func `takes an item that waits for its time for no failure, and keeps its progress`() {
    let queue = FakeQueue("a")
    queue.behaviours = ["a": .hasTwoSteps]
    #expect(queue.drain() == report())
    #expect(queue.items[0].stepsDone == 1 && queue.items[0].attempts == 0)
    queue.seconds += 10
    #expect(queue.drain() == report(completed: 1))
    #expect(queue.processed == ["a", "a"])
  }

  @Test func `ends at a database that fails, and says why`() {
    let queue = FakeQueue("a", "b", "c", "d")
    queue.failures["claim"] = ["the database is away"]
    #expect(queue.drain() == report(failure: "the database is away"))
    queue.failures["record"] = ["the database is away"]
    #expect(queue.drain() == report(failure: "the database is away"))
    #expect(queue.processed == ["a"])
    // The rest is not released, because the database would fail again: it is free when the lease expires.
    #expect(queue.log == ["process a"])
    #expect(queue.drain() == report(completed: 1))
    queue.seconds += 60
    #expect(queue.drain() == report(completed: 3))
    #expect(queue.processed == ["a", "d", "a", "b", "c"])
  }

  @Test func `goes on after a batch of retries, or pauses, as the queue wants it`() {
    for pauses in [false, true] {
      let queue = FakeQueue("a", "b", "c", "d")
      queue.pausesAfterRetries = pauses
      queue.behaviours = ["a": .failsOnce, "b": .failsOnce, "c": .failsOnce]
      #expect(
        queue.drain() == report(completed: pauses ? 0 : 1, postponed: 3, failure: "a failed")
      )
    }
    // One success in between is enough.
    let queue = FakeQueue("a", "b", "c", "d")
    queue.pausesAfterRetries = true
    queue.behaviours = ["a": .failsOnce, "c": .failsOnce]
    #expect(queue.drain() == report(completed: 2, postponed: 2, failure: "a failed"))
  }

  // MARK: Leases

  @Test func `begins nothing after three tenths of the lease, and releases it`() {
    let queue = FakeQueue("a", "b", "c")
    queue.secondsEach = 10
    // The third would begin after 20 of 60 seconds.
    #expect(queue.drain() == report(completed: 3, released: 1))
    #expect(queue.log == ["process a", "process b", "release c", "process c"])
    #expect(queue.items[2].attempts == 1)
  }

  @Test func `begins as late as the lease of the queue allows`() {
    let queue = FakeQueue("a", "b", "c")
    queue.secondsEach = 10
    queue.lease = Lease(seconds: 60, beginMilliseconds: 20_001)
    #expect(queue.drain() == report(completed: 3))
    #expect(queue.log == ["process a", "process b", "process c"])
  }

  @Test func `is another one's when a lease runs out`() {
    let queue = FakeQueue("a")
    queue.failures["process"] = ["the process was killed"]
    _ = queue.drain()
    queue.seconds += 59
    #expect(queue.drain() == report())
    queue.seconds += 1
    #expect(queue.drain() == report(completed: 1))
    #expect(queue.items[0].attempts == 2)
  }

  @Test func `is another one's at once when its holder is gone`() {
    let queue = FakeQueue("a", "b")
    queue.change("a") {
      $0.dueAt = queue.seconds + 50
      $0.isOrphan = true
    }
    #expect(queue.drain() == report(completed: 2))
    queue.failures["releaseOrphans"] = ["the database is away"]
    #expect(queue.drain() == report(failure: "the database is away"))
  }

  @Test func `processes nothing more of a batch once its claims are lost`() {
    let queue = FakeQueue("a", "b", "c")
    queue.failures["confirm b"] = ["the connection was lost"]
    #expect(queue.drain() == report(completed: 1, failure: "the connection was lost"))
    #expect(queue.log == ["process a"])
    // Where it goes on, it claims anew.
    queue.failures["confirm c"] = ["the connection was lost"]
    queue.seconds += 60
    #expect(queue.run(sleeps: 1).completed == 1)
    #expect(queue.processed == ["a", "b"])
  }

  // MARK: When to stop

  @Test func `stops a batch at an unavailable server, and releases the rest at once`() {
    let queue = FakeQueue("a", "b", "c")
    queue.behaviours = ["a": .findsServerAway]
    // In the second batch, others come before it.
    #expect(
      queue.drain()
        == report(completed: 2, postponed: 1, released: 2, failure: "the server is away")
    )
    #expect(queue.log == ["process a", "release b", "release c", "process b", "process c"])
    #expect(queue.items[0].attempts == 0)
  }

  @Test func `stops when it is told to, between two items`() {
    let queue = FakeQueue("a", "b", "c", "d")
    let report = queue.worker.run(
      drains: false,
      isOver: { queue.processed.count == 2 },
      sleep: { _ in Issue.record("nobody waits") }
    )
    #expect(report == self.report(completed: 2, released: 1))
    #expect(queue.log == ["process a", "process b", "release c"])
    #expect(queue.items.map(\.attempts) == [1, 1, 0, 0])
  }

  @Test func `claims nothing when its time is over already`() {
    let queue = FakeQueue("a")
    #expect(queue.worker.run(drains: true, isOver: { true }, sleep: { _ in }) == report())
    #expect(queue.log == [] && queue.items[0].attempts == 0)
  }

  // MARK: Continuous runs

  @Test func `sleeps while nothing is due, and processes what becomes due meanwhile`() {
    let queue = FakeQueue("a")
    let result = queue.run(sleeps: 3) { sleeps in
      if sleeps == 2 { queue.items.append(Item(name: "b")) }
    }
    #expect(result == report(completed: 2))
    #expect(queue.processed == ["a", "b"])
    #expect(queue.seconds == 1003)
  }

  @Test func `waits for an unavailable database, and reports it in the end`() {
    let queue = FakeQueue("a", "b")
    queue.failures["claim"] = ["away", "away", "still away"]
    #expect(queue.run(sleeps: 4) == report(completed: 2, failure: "still away"))
    queue.items.append(Item(name: "c"))
    queue.failures["endBatch"] = ["away again"]
    #expect(queue.run(sleeps: 1) == report(completed: 1, failure: "away again"))
  }

  @Test func `sleeps after a batch of retries when the queue wants it`() {
    let queue = FakeQueue("a", "b")
    queue.pausesAfterRetries = true
    queue.behaviours = ["a": .failsOnce, "b": .failsOnce]
    let result = queue.run(sleeps: 12)
    #expect(result == report(completed: 2, postponed: 2, failure: "a failed"))
    #expect(queue.processed == ["a", "b", "a", "b"])
  }
}

struct `Reports of several workers` {
  @Test func `are added up, and the first failure counts`() {
    var (one, other) = (QueueReport(), QueueReport())
    (one.completed, one.postponed) = (1, 2)
    (other.completed, other.discarded, other.released) = (3, 4, 5)
    other.failure = "broken"
    let sum = one + other
    #expect([sum.completed, sum.postponed, sum.discarded, sum.released] == [4, 2, 4, 5])
    #expect(sum.failure == "broken")
    one.failure = "first"
    #expect((one + other).failure == "first")
  }
}
