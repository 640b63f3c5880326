private import CCurl
import Values

/// The answer of a push service as far as it has been received.
final class PushAnswer {
  private static let maximumBodyBytes = 4096
  private static let maximumHeaderBytes = 16_384
  private static let maximumWaitSeconds = 86_400

  private var body: [UInt8] = []
  private var headerBytes = 0
  private var retryAfter: String?

  /// Appends a piece of the body.
  ///
  /// - Returns: false when that is too much.
  func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let room = Self.maximumBodyBytes - body.count
    body.append(contentsOf: bytes.prefix(room))
    return bytes.count <= room
  }

  /// Reads a line of the header.
  ///
  /// - Returns: false when that is too much.
  func add(line: UnsafeRawBufferPointer) -> Bool {
    headerBytes += line.count
    guard headerBytes <= Self.maximumHeaderBytes else { return false }
    let line = String(decoding: line, as: UTF8.self)
    let name = line.prefix { $0 != ":" }
    if name.count < line.count, name.lowercased() == "retry-after" {
      retryAfter = String(
        line.dropFirst(name.count + 1).drop { $0 == " " }.prefix { !$0.isNewline }
      )
    }
    return true
  }

  /// The meaning of an answer with this status. Source: RFC 8030 §5, RFC 8292 §4.2.
  func outcome(status: Int, at now: Instant) -> DeliveryOutcome {
    switch status {
    case 200...299: .delivered
    case 404, 410: .gone(reason: reason(status))
    case 408, 425, 429, 500...599:
      .postponed(reason: reason(status), afterSeconds: waitSeconds(at: now))
    default: .refused(reason: reason(status))
    }
  }

  /// The status and the push service's explanation, in printable ASCII.
  private func reason(_ status: Int) -> String {
    let printable = String(
      decoding: body.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: " ") },
      as: UTF8.self
    )
    let explanation = printable.split(separator: " ").joined(separator: " ")
    return explanation.isEmpty
      ? "HTTP \(status)" : "HTTP \(status): \(explanation.excerpt(maximumBytes: 256))"
  }

  /// The value of the header `Retry-After`, which is in seconds or a date: a day at most.
  ///
  /// The corresponding C function is `curl_getdate`. Source: RFC 9110 §10.2.3.
  private func waitSeconds(at now: Instant) -> Int? {
    guard let retryAfter, !retryAfter.isEmpty else { return nil }
    let seconds: Int
    if retryAfter.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      seconds = Int(retryAfter) ?? .max
    } else {
      let date = curl_getdate(retryAfter, nil)
      guard date >= 0 else { return nil }
      seconds = Int(date) - Int(now.seconds)
    }
    return min(max(seconds, 0), Self.maximumWaitSeconds)
  }
}
