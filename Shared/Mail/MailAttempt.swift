import Values

/// One message on its way: what is left of it, how far the conversation has come, and the last reply.
/// Source: RFC 5321 §3 and §4.2.
final class MailAttempt {
  /// Our last command. It tells whom a failure concerns.
  enum Stage: String {
    /// Everything before the message.
    case connection
    case authentication
    case sender = "MAIL"
    case recipient = "RCPT"
    case data = "DATA"
    /// The text of the message is being sent, or has been.
    case message
  }

  private static let maximumReplyBytes = 65_536
  private static let maximumReasonBytes = 200

  private let message: [UInt8]
  private var position = 0
  private var replyBytes = 0
  /// Whether we have sent QUIT. The reply to that says nothing about the message.
  private(set) var isOver = false
  private var stage = Stage.connection
  /// The code of the reply to our last command; `nil` when none has come.
  private var code: Int?
  private var text = ""

  init(_ message: [UInt8]) { self.message = message }

  /// The attempt whose address libcurl was given.
  static func at(_ address: UnsafeMutableRawPointer) -> MailAttempt {
    Unmanaged<MailAttempt>.fromOpaque(address).takeUnretainedValue()
  }

  /// Whether the server has not replied anything about the recipient or the message yet.
  var isBeforeRecipient: Bool {
    switch stage {
    case .connection, .authentication, .sender: true
    case .recipient, .data, .message: false
    }
  }

  /// Copies the next bytes of the message.
  ///
  /// - Returns: how many; 0 at the end.
  func read(into room: UnsafeMutableRawBufferPointer) -> Int {
    if position == 0 { advance(to: .message) }
    let piece = message[position...].prefix(room.count)
    room.copyBytes(from: piece)
    position += piece.count
    return piece.count
  }

  /// Notes a command that was sent.
  func sent(_ command: UnsafeRawBufferPointer) {
    let verb = String(decoding: command.prefix(4), as: UTF8.self)
    isOver = verb == "QUIT"
    switch verb {
    case "AUTH": advance(to: .authentication)
    case "MAIL": advance(to: .sender)
    case "RCPT": advance(to: .recipient)
    case "DATA": advance(to: .data)
    default: break
    }
  }

  private func advance(to next: Stage) {
    stage = next
    code = nil
    text = ""
  }

  /// Takes a line of a reply.
  ///
  /// - Returns: whether more lines may follow; false when there are too many.
  func add(line: UnsafeRawBufferPointer) -> Bool {
    if isOver { return true }
    replyBytes += line.count
    let line = String(decoding: line, as: UTF8.self)
    // `250-` is followed by more lines, `250 ` is not.
    let digits = line.utf8.prefix(3)
    if digits.count == 3, let number = Int(String(decoding: digits, as: UTF8.self)), number >= 200 {
      code = number
      text = MailHeader.withoutControls(String(line.dropFirst(4).prefix { !$0.isNewline }))
    }
    return replyBytes <= Self.maximumReplyBytes
  }

  /// The outcome when libcurl reports that the attempt failed, and why. The table is at `MailSender.send`.
  func failure(_ problem: String) -> DeliveryOutcome {
    let reason = reason(problem)
    let isRefused = (500...599).contains(code ?? 0)
    switch (stage, code) {
    case (.connection, _), (.authentication, _), (_, 421), (_, 530):
      return .unreachable(reason: reason)
    case (.sender, 552): return .refused(reason: reason)
    case (.sender, .some(400...499)): return .postponed(reason: reason, afterSeconds: nil)
    case (.sender, _): return .unreachable(reason: reason)
    case (.recipient, _), (.data, _), (.message, _):
      return isRefused ? .refused(reason: reason) : .postponed(reason: reason, afterSeconds: nil)
    }
  }

  private func reason(_ problem: String) -> String {
    guard let code, code >= 400 else { return "\(stage.rawValue): \(problem)" }
    // A reply to AUTH may repeat the password.
    let text = stage == .authentication ? problem : text
    return "\(stage.rawValue): \(code) \(text.excerpt(maximumBytes: Self.maximumReasonBytes))"
  }
}
