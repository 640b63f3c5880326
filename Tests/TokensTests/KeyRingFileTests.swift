import Foundation
import Testing
import Tokens
import Values

/// Each test has a key file of its own, which is removed with it.
final class `A key file on disk` {
  private let url = FileManager.default.temporaryDirectory.appending(
    component: "keys-\(UUID().uuidString).json"
  )
  private var reports: [String] = []
  private lazy var file = KeyRingFile(path: url.path) { [unowned self] in reports.append($0) }

  deinit { try? FileManager.default.removeItem(at: url) }

  private func write(_ text: String) throws { try Data(text.utf8).write(to: url, options: .atomic) }

  private func keyID(after seconds: Int64 = 0) throws -> String {
    try file.current(at: now.adding(seconds: seconds)).signingKeyID
  }

  @Test func `is picked up again when it changes, a second later at the latest`() throws {
    try write(keyFile(.signing))
    #expect(try keyID() == "k1")
    try write(keyFile(KeyEntry(id: "k2")))
    #expect(
      try file.current(at: Instant(microseconds: now.microseconds + 999_999)).signingKeyID == "k1"
    )
    #expect(try keyID(after: 1) == "k2")
    #expect(reports.isEmpty)
  }

  @Test func `is picked up again when the clock was set back`() throws {
    try write(keyFile(.signing))
    #expect(try keyID() == "k1")
    try write(keyFile(KeyEntry(id: "k2")))
    #expect(try keyID(after: -3600) == "k2")
  }

  @Test func `is picked up again when it was overwritten in place`() throws {
    try write(keyFile(.signing))
    #expect(try keyID() == "k1")
    try Data(keyFile(KeyEntry(id: "key-2")).utf8).write(to: url)
    #expect(try keyID(after: 1) == "key-2")
  }

  @Test(arguments: [
    "", "{", #"{"keys":[]}"#, keyFile(.verifying), String(repeating: " ", count: 70_000),
  ])
  func `that is broken leaves the old keys in use and is reported once`(text: String) throws {
    try write(keyFile(.signing))
    #expect(try keyID() == "k1")
    try write(text)
    for seconds in 1...5 { #expect(try keyID(after: Int64(seconds)) == "k1") }
    #expect(reports.count == 1)
    #expect(reports.first?.hasPrefix("the previous keys stay in use: ") == true)
    try write(keyFile(KeyEntry(id: "k2")))
    #expect(try keyID(after: 6) == "k2")
    #expect(reports.count == 1)
  }

  @Test func `that is gone leaves the old keys in use until it is back`() throws {
    try write(keyFile(.signing))
    #expect(try keyID() == "k1")
    try FileManager.default.removeItem(at: url)
    for seconds in 1...3 { #expect(try keyID(after: Int64(seconds)) == "k1") }
    #expect(reports.count == 1)
    try write(keyFile(KeyEntry(id: "k2")))
    #expect(try keyID(after: 4) == "k2")
  }

  @Test func `that was never valid is read again every time`() throws {
    #expect(throws: KeyRing.Malformed.self) { try keyID() }
    try write("{")
    #expect(throws: KeyRing.Malformed.self) { try keyID() }
    try write(keyFile(.signing))
    #expect(try keyID() == "k1")
    #expect(reports.isEmpty)
  }

  @Test func `that is a directory is refused`() throws {
    let directory = KeyRingFile(path: FileManager.default.temporaryDirectory.path)
    #expect(throws: KeyRing.Malformed.self) { try directory.current(at: now) }
  }
}
