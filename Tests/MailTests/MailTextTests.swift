import Testing

@testable import Mail

struct `Mail text` {
  private func quotedPrintable(_ text: String) -> String {
    var bytes: [UInt8] = []
    QuotedPrintable.append(text, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func field(_ text: String) -> String { MailHeader.text("Subject", text) }

  @Test(arguments: [
    ("", ""), ("a", "a\r\n"), ("a=b", "a=3Db\r\n"), ("a\nb", "a\r\nb\r\n"),
    ("a\r\nb\r\n", "a\r\nb\r\n"), ("a\rb", "a\r\nb\r\n"), ("\n\n", "\r\n\r\n"),
    ("a \nb\t", "a=20\r\nb=09\r\n"), (" a b", " a b\r\n"), ("é", "=C3=A9\r\n"), ("\0", "=00\r\n"),
  ])
  func `is quoted-printable`(text: String, encoded: String) {
    #expect(quotedPrintable(text) == encoded)
  }

  @Test func `has no line of more than 76 characters, whatever is at its end`() {
    for end in ["", " ", "=", "é", "\u{1F469}", "\n", " \n", "x", "xx"] {
      for count in 70...80 {
        let text = String(repeating: "x", count: count) + end
        let lines = quotedPrintable(text).split(separator: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 76 })
        // A line that continues ends with `=`; without these, the text has its original length.
        #expect(lines.dropLast().allSatisfy { $0.last == "=" })
      }
    }
    #expect(quotedPrintable(String(repeating: "x", count: 76)).utf8.count == 78)
  }

  @Test(arguments: [
    ("Your task", "Subject: Your task\r\n"),
    ("", "Subject: \r\n"),
    ("a\r\nb", "Subject: =?utf-8?Q?a__b?=\r\n"),
    (" a", "Subject: =?utf-8?Q?_a?=\r\n"),
    ("a_b? é", "Subject: =?utf-8?Q?a=5Fb=3F_=C3=A9?=\r\n"),
    // Mail programs would decode anything that looks like an encoded word.
    ("=?utf-8?Q?a?=", "Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?=\r\n"),
  ])
  func `is in the head as it is, or in encoded words`(text: String, encoded: String) {
    #expect(field(text) == encoded)
  }

  @Test func `in the head is folded at spaces`() {
    let words = Array(repeating: "word", count: 40).joined(separator: " ")
    let lines = field(words).split(separator: "\r\n")
    #expect(lines.count == 3)
    #expect(lines.allSatisfy { $0.utf8.count <= 76 && $0.last != " " })
    #expect(lines.joined() == "Subject: \(words)")
  }

  @Test(arguments: ["é", "長", "\u{1F469}", "aé", "aaé", String(repeating: "x", count: 100)])
  func `in the head is never split within a character`(piece: String) throws {
    let text = String(repeating: piece, count: 60)
    let lines = field(text).dropFirst("Subject:".count).split(separator: "\r\n")
    #expect(lines.count > 1)
    var decoded = ""
    for line in lines {
      #expect(line.utf8.count <= 76)
      #expect(line.hasPrefix(" =?utf-8?Q?") && line.hasSuffix("?="))
      let word = line.dropFirst(" =?utf-8?Q?".count).dropLast(2)
      decoded += try #require(String(validating: bytes(quoted: word), as: UTF8.self))
    }
    #expect(decoded == text)
  }

  private func bytes(quoted text: Substring) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "=") {
        let digits = rest.prefix(2)
        bytes.append(UInt8(String(Substring(digits)), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return bytes
  }
}
