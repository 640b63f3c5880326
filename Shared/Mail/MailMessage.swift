public import Values

/// A message to one recipient, as it goes over the wire. Source: RFC 5322, RFC 2045, RFC 2046.
///
/// Nothing in it can add a field or a line to the head: control characters in `fromName` and `subject`
/// become spaces, in `messageID` they become `_`, in `unsubscribeURL` they are percent-encoded.
public struct MailMessage: Sendable {
  /// The sender, who is also told when it cannot be delivered.
  public let from: MailAddress
  /// The name shown for `from`.
  public let fromName: String?
  /// The recipient.
  public let to: MailAddress
  /// The subject.
  public let subject: String
  /// The body as plain text.
  public let text: String
  /// The body in HTML.
  public let html: String?
  /// `<id@domain>`, the same each time that the message is sent, so that a reader may recognise one that arrives twice.
  public let messageID: String
  /// The time when it was written.
  public let date: Instant
  /// The URL by which the recipient unsubscribes, with a POST. Source: RFC 2369 §3.2, RFC 8058.
  public let unsubscribeURL: String?

  /// The longest identifier or URL that a line can hold. Source: RFC 5322 §2.1.1.
  private static let maximumValueBytes = 900
  private static let maximumBoundaryBytes = 60

  /// A message.
  public init(
    from: MailAddress,
    fromName: String? = nil,
    to: MailAddress,
    subject: String,
    text: String,
    html: String? = nil,
    messageID: String,
    date: Instant,
    unsubscribeURL: String? = nil
  ) {
    self.from = from
    self.fromName = fromName
    self.to = to
    self.subject = subject
    self.text = text
    self.html = html
    self.messageID = messageID
    self.date = date
    self.unsubscribeURL = unsubscribeURL
  }

  /// The message with its head, ASCII in lines that end with CRLF. The same message gives the same bytes.
  ///
  /// An `unsubscribeURL` of more than 900 bytes is left out: a line could not hold it.
  public var bytes: [UInt8] {
    // Not by libcurl's `curl_mime_*` (7.88): with parts in quoted-printable it names no SIZE to the server, which then
    // refuses what is too large only after all of it was sent. A text alone becomes a multipart of one part, LF becomes
    // `=0A`, and each attempt has another boundary.
    var bytes: [UInt8] = []
    bytes.reserveCapacity(1024 + text.utf8.count + (html?.utf8.count ?? 0))
    bytes += head.utf8
    guard let html else {
      Self.append(text, type: "plain", to: &bytes)
      return bytes
    }
    bytes += "Content-Type: multipart/alternative; boundary=\"\(boundary)\"\r\n\r\n".utf8
    // The richest part is the last one. Source: RFC 2046 §5.1.4.
    for (part, type) in [(text, "plain"), (html, "html")] {
      bytes += "--\(boundary)\r\n".utf8
      Self.append(part, type: type, to: &bytes)
    }
    bytes += "--\(boundary)--\r\n".utf8
    return bytes
  }

  private var head: String {
    var head =
      "Date: \(MailHeader.date(date))\r\n"
      + MailHeader.address("From", from, displayName: fromName)
      + MailHeader.address("To", to)
      + MailHeader.text("Subject", subject)
      + "Message-ID: <\(identifier)>\r\n"
      // Keeps holiday notices from answering. Source: RFC 3834 §5.
      + "Auto-Submitted: auto-generated\r\n"
    if let unsubscribe {
      head += "List-Unsubscribe: <\(unsubscribe)>\r\n"
      // Without asking the reader to sign in or to confirm. Source: RFC 8058 §3.1.
      head += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    }
    return head + "MIME-Version: 1.0\r\n"
  }

  /// The message ID without its brackets.
  private var identifier: String {
    let bytes = messageID.utf8.filter { $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
      .prefix(Self.maximumValueBytes)
      .map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "_") }
    return String(decoding: bytes, as: UTF8.self)
  }

  private var unsubscribe: String? {
    guard let unsubscribeURL else { return nil }
    let digits = Array("0123456789ABCDEF")
    var url = ""
    for byte in unsubscribeURL.utf8 {
      if (0x21...0x7E).contains(byte) && !"<>\"".utf8.contains(byte) {
        url.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        url += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return url.isEmpty || url.utf8.count > Self.maximumValueBytes ? nil : url
  }

  /// The line between the parts. It cannot occur in one, for `=_` does not occur in quoted-printable.
  /// Source: RFC 2045 §6.7.
  private var boundary: String {
    let name = identifier.utf8.filter { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: false
      }
    }
    return "=_" + String(decoding: name.prefix(Self.maximumBoundaryBytes), as: UTF8.self)
  }

  private static func append(_ text: String, type: String, to bytes: inout [UInt8]) {
    bytes += "Content-Type: text/\(type); charset=utf-8\r\n".utf8
    bytes += "Content-Transfer-Encoding: quoted-printable\r\n\r\n".utf8
    QuotedPrintable.append(text, to: &bytes)
  }
}
