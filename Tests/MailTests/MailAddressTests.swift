import Mail
import Testing

struct `A mail address` {
  @Test(arguments: [
    "ada@example.com", "a.b+tag@sub.example.com", "o'hara_{x}@a-b.example", "1@2.example3",
    "a@xn--bcher-kva.example",
    String(repeating: "x", count: 64) + "@example.com",
  ])
  func `is taken as it is when it is ASCII`(text: String) throws {
    #expect(try MailAddress(text).text == text)
    #expect(MailAddress.problem(of: text) == nil)
  }

  /// The third is a test domain of IANA; the last is another name in IDNA of 2003.
  @Test(arguments: [
    ("a@bücher.example", "a@xn--bcher-kva.example"),
    ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
    ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
    ("a@faß.example", "a@xn--fa-hia.example"),
  ])
  func `gets a domain in ASCII, whatever the locale`(text: String, ascii: String) throws {
    #expect(try MailAddress(text).text == ascii)
  }

  @Test func `has a name in ASCII, and says so`() {
    #expect(
      MailAddress.problem(of: "jürgen@example.com")
        == "has a name that is not ASCII, which many mail servers do not take"
    )
  }

  @Test(arguments: [
    "", "@", "a", "a@", "@example.com", "a@b@example.com", "a@example", "a@[127.0.0.1]",
    "a@127.0.0.1",
    "\"a\"@example.com", "a b@example.com", ".a@example.com", "a.@example.com", "a..b@example.com",
    "a@example..com", "a@-example.com", "a@example-.com", "a@exa_mple.com", "<a@example.com>",
    "a@example.com\r\nRCPT TO:<b@example.com>", "a\n@example.com", "a@example.com\0",
    "a@ü:25.example", "a@ü/x.example", "a@ü%2f.example", "a@x:y@ü.example", "a@-ü.example",
    "a@\u{202E}ü.example",
    String(repeating: "x", count: 65) + "@example.com",
    "a@" + String(repeating: "x", count: 64) + ".com",
    "a@" + String(repeating: "b.", count: 125) + "com",
  ])
  func `is refused when a server would not take it`(text: String) {
    #expect(throws: MailFailure.self) { try MailAddress(text) }
    #expect(MailAddress.problem(of: text) != nil)
  }
}
