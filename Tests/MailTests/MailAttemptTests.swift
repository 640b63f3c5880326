import Testing
import Values

@testable import Mail

/// The table of `MailSender.send`, without a server.
struct `A mail attempt that fails` {
  private func outcome(_ commands: [String], _ answers: String...) -> DeliveryOutcome {
    let attempt = MailAttempt(Array("text".utf8))
    for command in commands {
      if command == "text" {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 3, alignment: 1)
        defer { room.deallocate() }
        while attempt.read(into: room) > 0 {}
      } else {
        var command = command
        command.withUTF8 { attempt.sent(UnsafeRawBufferPointer($0)) }
      }
    }
    for answer in answers {
      var line = answer + "\r\n"
      _ = line.withUTF8 { attempt.add(line: UnsafeRawBufferPointer($0)) }
    }
    return attempt.failure("it broke")
  }

  @Test func `before the sender is named says that the server does not work`() {
    #expect(outcome([]) == .unreachable(reason: "connection: it broke"))
    #expect(outcome(["EHLO x"], "554 5.7.1 no") == .unreachable(reason: "connection: 554 5.7.1 no"))
    #expect(outcome(["EHLO x"], "451 no") == .unreachable(reason: "connection: 451 no"))
  }

  @Test func `at the password does not tell what the server says of it`() {
    #expect(
      outcome(["EHLO x", "AUTH PLAIN", "AGEAc2VjcmV0"], "535 bad: AGEAc2VjcmV0")
        == .unreachable(reason: "authentication: 535 it broke")
    )
  }

  @Test func `at the sender concerns every message, but for what may pass and the size`() {
    let commands = ["EHLO x", "MAIL FROM:<a@b.example>"]
    #expect(outcome(commands) == .unreachable(reason: "MAIL: it broke"))
    #expect(outcome(commands, "550 no") == .unreachable(reason: "MAIL: 550 no"))
    #expect(outcome(commands, "552 large") == .refused(reason: "MAIL: 552 large"))
    #expect(
      outcome(commands, "451 later") == .postponed(reason: "MAIL: 451 later", afterSeconds: nil)
    )
  }

  @Test(arguments: [("RCPT", ["RCPT TO:<a>"]), ("DATA", ["DATA"]), ("message", ["DATA", "text"])])
  func `from the recipient on concerns the message`(stage: String, commands: [String]) {
    #expect(
      outcome(commands) == .postponed(reason: "\(stage): it broke", afterSeconds: nil)
    )
    #expect(
      outcome(commands, "451 later")
        == .postponed(reason: "\(stage): 451 later", afterSeconds: nil)
    )
    #expect(outcome(commands, "550 5.1.1 no") == .refused(reason: "\(stage): 550 5.1.1 no"))
    #expect(outcome(commands, "421 stop") == .unreachable(reason: "\(stage): 421 stop"))
    #expect(outcome(commands, "530 AUTH") == .unreachable(reason: "\(stage): 530 AUTH"))
    #expect(
      outcome(commands, "nonsense")
        == .postponed(reason: "\(stage): it broke", afterSeconds: nil)
    )
  }

  @Test func `tells the last line of the answer, short and without control characters`() {
    #expect(
      outcome(["RCPT TO:<a>"], "550-first", "550 \u{1B}[31mlast")
        == .refused(reason: "RCPT: 550  [31mlast")
    )
    guard case .refused(let reason) = outcome(["DATA"], "550 " + String(repeating: "x", count: 999))
    else {
      Issue.record("not refused")
      return
    }
    #expect(reason.utf8.count < 220)
  }

  @Test func `forgets the answers to earlier commands, and the one to QUIT`() {
    let attempt = MailAttempt([])
    func say(_ line: String) {
      var line = line + "\r\n"
      _ = line.withUTF8 { attempt.add(line: UnsafeRawBufferPointer($0)) }
    }
    func send(_ command: String) {
      var command = command
      command.withUTF8 { attempt.sent(UnsafeRawBufferPointer($0)) }
    }
    send("MAIL FROM:<a>")
    say("250 good")
    send("RCPT TO:<a>")
    #expect(attempt.failure("gone") == .postponed(reason: "RCPT: gone", afterSeconds: nil))
    say("550 no")
    send("QUIT")
    say("221 bye")
    #expect(attempt.failure("gone") == .refused(reason: "RCPT: 550 no"))
  }

  @Test func `is ended when the server does not stop talking`() {
    let attempt = MailAttempt([])
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1000)
    let heard = (0..<100).prefix { _ in line.withUnsafeBytes { attempt.add(line: $0) } }
    #expect(heard.count == 65)
  }
}
