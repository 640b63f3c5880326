import Foundation
import Telemetry
import Testing
import Values

struct `A log that gathers its lines` {
  private let file = FileManager.default.temporaryDirectory.appending(
    path: "log-\(UUID().uuidString)"
  )

  private func text() throws -> String { try String(contentsOf: file, encoding: .utf8) }

  private func log() -> Log {
    let log = Log(function: "test", level: .info, path: file.path, maximumBytes: 1_000_000)
    log.gathers = true
    return log
  }

  private let now = Instant(microseconds: 1_800_000_000_000_000)

  @Test func `lines wait until they are flushed`() throws {
    defer { try? FileManager.default.removeItem(at: file) }
    let log = log()
    log.write(.info, at: now, message: "first")
    log.write(.info, at: now, message: "second")
    #expect(try text().isEmpty)
    log.flush()
    #expect(try text().split(separator: "\n").count == 2)
  }

  @Test func `a warning does not wait, and follows the lines before it`() throws {
    defer { try? FileManager.default.removeItem(at: file) }
    let log = log()
    log.write(.info, at: now, message: "first")
    log.write(.warning, at: now, message: "second")
    let lines = try text().split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.first?.contains("first") == true)
  }

  @Test(arguments: [10, 700, 9000, 20_000])
  func `no more than 8 kB wait, in order, however long the lines are`(length: Int) throws {
    defer { try? FileManager.default.removeItem(at: file) }
    let log = log()
    let filling = String(repeating: "x", count: length)
    for number in 0..<100 {
      log.write(.info, at: now, message: "\(number) \(filling)")
      let waiting = (number + 1) * (length + 90) - (try text().utf8.count)
      #expect(waiting <= 8192 + 100 * 30)
    }
    log.flush()
    let numbers = try text().split(separator: "\n").map { line in
      try #require(line.firstMatch(of: #/"message":"(\d+) x+"/#)).1
    }
    #expect(numbers.map(String.init) == (0..<100).map(String.init))
  }

  @Test func `a line that is 100 ms younger ends the waiting`() throws {
    defer { try? FileManager.default.removeItem(at: file) }
    let log = log()
    log.write(.info, at: now, message: "first")
    log.write(.info, at: Instant(microseconds: now.microseconds + 100_001), message: "second")
    #expect(try text().split(separator: "\n").count == 2)
  }
}
