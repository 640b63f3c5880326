import Foundation
import Testing
import Values

@testable import Resilience

struct `A circuit breaker` {
  private let folder = FileManager.default.temporaryDirectory.appending(
    path: "breaker-\(UUID().uuidString)"
  )
  private let start = Instant(seconds: 1_795_000_000)
  private var path: String { folder.appending(path: "user").path }

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func after(_ milliseconds: Int64) -> Instant {
    Instant(microseconds: start.microseconds + milliseconds * 1000)
  }

  private func fail(_ breaker: CircuitBreaker, times: Int = 5, at now: Instant) {
    for _ in 0..<times { breaker.record(success: false, at: now) }
  }

  @Test(arguments: [true, false])
  func `opens after five failures in a row`(isShared: Bool) {
    let breaker = CircuitBreaker(path: isShared ? path : nil)
    fail(breaker, times: 4, at: start)
    #expect(breaker.admits(at: start))
    breaker.record(success: true, at: start)
    fail(breaker, times: 4, at: start)
    #expect(breaker.admits(at: start))
    fail(breaker, times: 1, at: start)
    #expect(!breaker.admits(at: start))
    #expect(!breaker.admits(at: after(1999)))
  }

  @Test func `is one for all processes that share its file`() {
    let (one, other) = (CircuitBreaker(path: path), CircuitBreaker(path: path))
    fail(one, times: 3, at: start)
    fail(other, times: 2, at: start)
    #expect(!one.admits(at: start))
    #expect(!other.admits(at: start))
    #expect(!CircuitBreaker(path: path).admits(at: start))
  }

  @Test func `lets one call through when the pause is over, of all processes`() {
    let (one, other) = (CircuitBreaker(path: path), CircuitBreaker(path: path))
    fail(one, at: start)
    #expect(other.admits(at: after(2000)))
    #expect(!one.admits(at: after(2001)))
    other.record(success: false, at: after(2100))
    #expect(!one.admits(at: after(4000)))
    #expect(one.admits(at: after(4100)))
    one.record(success: true, at: after(4110))
    #expect(other.admits(at: after(4111)))
    #expect(one.admits(at: after(4111)))
  }

  @Test func `a caller that was let through and never returned does not hold it open`() {
    let breaker = CircuitBreaker(path: path)
    fail(breaker, at: start)
    #expect(breaker.admits(at: after(2000)))
    #expect(breaker.admits(at: after(4000)))
  }

  @Test func `is not held open by a clock that was set back`() {
    let breaker = CircuitBreaker(path: path)
    fail(breaker, at: after(3_600_000))
    #expect(breaker.admits(at: start))
  }

  @Test func `is closed by an operator who empties its file`() throws {
    let breaker = CircuitBreaker(path: path)
    fail(breaker, at: start)
    try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 0)
    #expect(breaker.admits(at: start))
  }

  @Test func `lets calls through when it cannot have its file, or somebody sits on it`() throws {
    let nowhere = CircuitBreaker(path: "/nowhere/breaker")
    fail(nowhere, at: start)
    #expect(nowhere.admits(at: start))

    let breaker = CircuitBreaker(path: path)
    fail(breaker, at: start)
    let descriptor = open(path, O_RDWR)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX) == 0)
    #expect(breaker.admits(at: start))
    #expect(flock(descriptor, LOCK_UN) == 0)
    #expect(!breaker.admits(at: start))
  }

  @Test func `can be written by the whole group, whatever the umask`() throws {
    CircuitBreaker(path: path).record(success: false, at: start)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o660)
  }
}
