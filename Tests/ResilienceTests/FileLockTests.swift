import Foundation
import Testing

@testable import Resilience

struct `A lock on a file` {
  private let path = FileManager.default.temporaryDirectory
    .appending(path: "lock-\(UUID().uuidString)").path

  @Test func `is held by one, until that one is gone`() throws {
    let other = FileLock(path: path)
    do {
      let holder = FileLock(path: path)
      #expect(holder.acquire() == .acquired)
      #expect(other.acquire() == .isHeld)
      #expect(holder.acquire() == .acquired)
    }
    #expect(other.acquire() == .acquired)
  }

  @Test func `can be released, and acquired again`() {
    let (one, other) = (FileLock(path: path), FileLock(path: path))
    #expect(one.acquire() == .acquired)
    one.release()
    #expect(other.acquire() == .acquired)
    #expect(one.acquire() == .isHeld)
  }

  @Test func `is waited for while attempts are left`() async throws {
    let holder = FileLock(path: path)
    #expect(holder.acquire() == .acquired)
    let start = ContinuousClock.now
    #expect(FileLock(path: path).acquire(attempts: 4, pauseMicroseconds: 10_000) == .isHeld)
    #expect(ContinuousClock.now - start >= .milliseconds(30))
    let path = path
    let waiting = Task.detached {
      FileLock(path: path).acquire(attempts: 30_000, pauseMicroseconds: 10_000)
    }
    try await Task.sleep(for: .milliseconds(30))
    holder.release()
    #expect(await waiting.value == .acquired)
  }

  @Test func `is not to be had where no file can be`() {
    #expect(FileLock(path: "/nowhere/lock").acquire() == .unavailable)
  }

  @Test func `is open to the whole group, whatever the umask`() throws {
    #expect(FileLock(path: path).acquire() == .acquired)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o660)
  }
}
