import Foundation
import Mail
import Synchronization
import Testing
import Values

struct `A mail sender` {
  private func message(to: String = "ada@example.com", text: String = "Hello") throws -> MailMessage
  {
    MailMessage(
      from: try MailAddress("noreply@tasks.example"),
      to: try MailAddress(to),
      subject: "Your task",
      text: text,
      messageID: "<n-7@tasks.example>",
      date: Instant(seconds: 1_795_000_000)
    )
  }

  private func send(
    _ sender: MailSender,
    _ message: MailMessage,
    milliseconds: Int = 5000
  ) -> DeliveryOutcome {
    sender.send(message, deadline: Deadline(millisecondsFromNow: milliseconds))
  }

  @Test(arguments: [
    "", "smtp://", "http://me:topsecret@host", "me:topsecret@host:25", "smtp://me:topsecret@",
    "smtp://me:topsecret@host:99999", "smtp://me:topsecret@ho st", "smtp://host?x=topsecret",
    "smtp://me:topsecret@host\r\n",
  ])
  func `refuses an invalid URL of a server, and does not show it`(url: String) {
    #expect {
      _ = try MailSender(url: url, requiresTLS: true)
    } throws: {
      ($0 as? MailFailure)?.reason == "is not a URL such as smtp://host:25 or smtps://host:465"
    }
  }

  @Test func `sends over one connection, with the dots of SMTP`() throws {
    let server = try ScriptedServer()
    let sender = try MailSender(url: server.url, requiresTLS: false)
    #expect(send(sender, try message(text: ".\n..a")) == .delivered)
    #expect(send(sender, try message()) == .delivered)
    sender.close()
    server.wait()
    #expect(server.connections == 1)
    let heard = server.heard.filter {
      !$0.contains(":") || $0.hasPrefix("MAIL") || $0.hasPrefix("RCPT")
    }
    let size = try message(text: ".\n..a").bytes.count
    #expect(
      heard.dropFirst().prefix(7) == [
        "MAIL FROM:<noreply@tasks.example> SIZE=\(size)", "RCPT TO:<ada@example.com>", "DATA", "",
        "..", "...a", ".",
      ]
    )
    #expect(heard.last == "QUIT")
  }

  @Test func `reports the server's answer about a recipient, and goes on`() throws {
    let server = try ScriptedServer(answers: ["RCPT TO:<no@example.com>": "550 5.1.1 nobody"])
    let sender = try MailSender(url: server.url, requiresTLS: false)
    #expect(
      send(sender, try message(to: "no@example.com")) == .refused(reason: "RCPT: 550 5.1.1 nobody")
    )
    #expect(send(sender, try message()) == .delivered)
  }

  @Test(arguments: ["421 4.3.2 too many", "503 no more", nil])
  func `tries a new connection when the kept one has become useless`(answer: String?) throws {
    let server = try ScriptedServer(atSecondMail: answer)
    let sender = try MailSender(url: server.url, requiresTLS: false)
    for _ in 0..<3 { #expect(send(sender, try message()) == .delivered) }
    #expect(server.connections == 3)
  }

  @Test func `keeps the deadline, and trusts no answer that comes later`() throws {
    let server = try ScriptedServer(answers: [".": "wait"])
    let sender = try MailSender(url: server.url, requiresTLS: false)
    for _ in 0..<2 {
      let start = ContinuousClock.now
      guard case .postponed = send(sender, try message(), milliseconds: 500) else {
        Issue.record("not postponed")
        return
      }
      #expect(ContinuousClock.now - start < .seconds(4))
    }
    #expect(server.connections == 2)
  }

  @Test func `sends nothing without TLS when that is required`() throws {
    let server = try ScriptedServer()
    let sender = try MailSender(url: server.url, requiresTLS: true)
    guard case .unreachable = send(sender, try message()) else {
      Issue.record("not unreachable")
      return
    }
    #expect(!server.heard.contains { $0.hasPrefix("MAIL") })
  }

  @Test func `finds no server where none listens`() throws {
    let sender = try MailSender(url: "smtp://127.0.0.1:1", requiresTLS: false)
    guard case .unreachable(let reason) = send(sender, try message()) else {
      Issue.record("not unreachable")
      return
    }
    #expect(reason.hasPrefix("connection: smtp://127.0.0.1:1: "))
    #expect(
      send(sender, try message(), milliseconds: 0)
        == .postponed(reason: "there is no time left", afterSeconds: nil)
    )
  }
}

/// A small mail server on a port of its own: one connection after the other, each in a thread.
private final class ScriptedServer: Sendable {
  private struct State {
    var connections = 0
    var open = 0
    var heard: [String] = []
  }

  let url: String
  private let listener: Int32
  private let answers: [String: String]
  /// The answer to the second MAIL of a connection; if it is empty, the connection is closed.
  private let atSecondMail: String?
  private let state = Mutex(State())

  var connections: Int { state.withLock(\.connections) }
  var heard: [String] { state.withLock(\.heard) }

  /// A server that accepts everything except the lines that have another answer here. The answer to `.` is
  /// that to a message; `wait` is none at all.
  convenience init(answers: [String: String] = [:]) throws {
    try self.init(answers: answers, atSecondMail: "250 OK")
  }

  /// A server that gives this answer to the second message of a connection; for `nil`, it closes the connection.
  convenience init(atSecondMail: String?) throws {
    try self.init(answers: [:], atSecondMail: atSecondMail)
  }

  private init(answers: [String: String], atSecondMail: String?) throws {
    self.answers = answers
    self.atSecondMail = atSecondMail
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> Bool in
        bind(listener, address, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    try #require(port)
    url = "smtp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        guard let self else {
          close(connection)
          return
        }
        state.withLock {
          $0.connections += 1
          $0.open += 1
        }
        Thread.detachNewThread { self.talk(connection) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Waits until the connections are closed.
  func wait() {
    for _ in 0..<500 where state.withLock(\.open) > 0 { usleep(10_000) }
  }

  private func talk(_ connection: Int32) {
    let file = fdopen(connection, "r+")
    defer {
      fclose(file)
      state.withLock { $0.open -= 1 }
    }
    var mails = 0
    var isMessage = false
    func say(_ line: String) {
      _ = line.utf8CString.dropLast().withUnsafeBytes {
        send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
    }
    say("220 double\r\n")
    var buffer = [CChar](repeating: 0, count: 2000)
    while fgets(&buffer, 2000, file) != nil {
      let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      let line = String(decoding: bytes.dropLast(2), as: UTF8.self)
      state.withLock { $0.heard.append(line) }
      if isMessage && line != "." { continue }
      var answer = answers[line] ?? "250 OK"
      isMessage = line == "DATA"
      if isMessage { answer = "354 go on" }
      if line.hasPrefix("EHLO") { answer = "250-double\r\n250 SIZE" }
      if line.hasPrefix("MAIL") {
        mails += 1
        if mails == 2 {
          guard let atSecondMail else { return }
          answer = atSecondMail
        }
      }
      if line == "QUIT" { return }
      if answer != "wait" { say(answer + "\r\n") }
    }
  }
}
