import Testing
import Values

@testable import Mail

struct `A mail message` {
  private func message(
    fromName: String? = nil,
    subject: String = "Your task is due",
    text: String = "Hello",
    html: String? = nil,
    messageID: String = "<n-7@tasks.example>",
    unsubscribeURL: String? = nil
  ) throws -> String {
    let message = MailMessage(
      from: try MailAddress("noreply@tasks.example"),
      fromName: fromName,
      to: try MailAddress("ada@example.com"),
      subject: subject,
      text: text,
      html: html,
      messageID: messageID,
      date: Instant(seconds: 1_795_000_000),
      unsubscribeURL: unsubscribeURL
    )
    return String(decoding: message.bytes, as: UTF8.self)
  }

  /// The names of the fields, each once, and nothing else.
  private func fieldNames(_ message: String) throws -> [Substring] {
    let lines = message.split(separator: "\r\n", omittingEmptySubsequences: false)
    return try lines.prefix { !$0.isEmpty }.filter { $0.first != " " }.map { line in
      line[..<(try #require(line.firstIndex(of: ":")))]
    }
  }

  @Test func `is plain text alone when it has no HTML`() throws {
    #expect(
      try message() == """
        Date: Wed, 18 Nov 2026 11:06:40 +0000\r
        From: noreply@tasks.example\r
        To: ada@example.com\r
        Subject: Your task is due\r
        Message-ID: <n-7@tasks.example>\r
        Auto-Submitted: auto-generated\r
        MIME-Version: 1.0\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Transfer-Encoding: quoted-printable\r
        \r
        Hello\r

        """
    )
  }

  @Test func `has the text and the HTML side by side, the HTML last`() throws {
    let message = try message(
      fromName: "The \"Tasks\"",
      html: "<p>Grüße</p>",
      unsubscribeURL: "https://tasks.example/u?t=1&x=<ü>"
    )
    #expect(
      message == """
        Date: Wed, 18 Nov 2026 11:06:40 +0000\r
        From: "The \\"Tasks\\""\r
         <noreply@tasks.example>\r
        To: ada@example.com\r
        Subject: Your task is due\r
        Message-ID: <n-7@tasks.example>\r
        Auto-Submitted: auto-generated\r
        List-Unsubscribe: <https://tasks.example/u?t=1&x=%3C%C3%BC%3E>\r
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
        MIME-Version: 1.0\r
        Content-Type: multipart/alternative; boundary="=_n7tasksexample"\r
        \r
        --=_n7tasksexample\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Transfer-Encoding: quoted-printable\r
        \r
        Hello\r
        --=_n7tasksexample\r
        Content-Type: text/html; charset=utf-8\r
        Content-Transfer-Encoding: quoted-printable\r
        \r
        <p>Gr=C3=BC=C3=9Fe</p>\r
        --=_n7tasksexample--\r

        """
    )
  }

  @Test(arguments: [
    "a\r\nBcc: b@example.com", "a\nBcc: b@example.com", "a\rBcc: b@example.com", "a\r\n\r\nbody",
    "ü\r\nBcc: b@example.com", "a\u{2028}Bcc: b\u{85}Bcc: c", "\0\u{1B}[31m", "a\u{B}b\u{C}c",
  ])
  func `cannot be given another field`(evil: String) throws {
    let message = try message(
      fromName: evil,
      subject: evil,
      text: "--=_ntasksexample\r\n" + evil,
      html: evil,
      messageID: evil,
      unsubscribeURL: evil
    )
    #expect(
      try fieldNames(message) == [
        "Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version", "Content-Type",
      ]
    )
    let lines = message.utf8.split(
      separator: UInt8(ascii: "\n"),
      omittingEmptySubsequences: false
    )
    #expect(lines.dropLast().allSatisfy { $0.last == UInt8(ascii: "\r") })
    #expect(lines.allSatisfy { $0.dropLast().allSatisfy { (0x20...0x7E).contains($0) } })
    #expect(message.components(of: "\r\n--=_") == 3)
  }

  @Test func `leaves out a URL that no line can hold`() throws {
    let long = "https://tasks.example/" + String(repeating: "x", count: 900)
    #expect(try !message(unsubscribeURL: long).contains("List-Unsubscribe"))
    #expect(try !message(unsubscribeURL: "").contains("List-Unsubscribe"))
  }

  @Test(arguments: [
    (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
    (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
    (1_795_000_000, "Wed, 18 Nov 2026 11:06:40 +0000"),
    (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
  ])
  func `has the date of RFC 5322`(seconds: Int64, date: String) {
    #expect(MailHeader.date(Instant(seconds: seconds)) == date)
  }
}

extension String {
  /// The number of occurrences of a text.
  fileprivate func components(of text: String) -> Int { split(separator: text).count - 1 }
}
