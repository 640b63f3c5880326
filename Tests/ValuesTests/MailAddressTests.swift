import Testing
import Values

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

  /// The results are those of Python's `idna`. 例え.テスト and others like it are IANA's test domains; faß.example is another
  /// name in IDNA of 2003.
  @Test(arguments: [
    ("a@bücher.example", "a@xn--bcher-kva.example"),
    ("a@BÜCHER.Example", "a@xn--bcher-kva.example"),
    ("a@mu\u{308}nchen.de", "a@xn--mnchen-3ya.de"), ("a@MU\u{308}NCHEN.DE", "a@xn--mnchen-3ya.de"),
    ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"), ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
    ("a@faß.example", "a@xn--fa-hia.example"), ("a@FAẞ.example", "a@xn--fa-hia.example"),
    ("a@ｅｘａｍｐｌｅ．ＪＰ", "a@example.jp"), ("a@\u{212A}elvin.example", "a@kelvin.example"),
    ("a@пример.испытание", "a@xn--e1afmkfd.xn--80akhbyknj4f"),
    ("a@ΒΌΛΟΣ.com", "a@xn--nxasmq6b.com"), ("a@βόλος.com", "a@xn--nxasmm1c.com"),
    ("a@உதாரணம்.பரிட்சை", "a@xn--zkc6cc5bi7f6e.xn--hlcj6aya9esc7a"),
    ("a@उदाहरण.परीक्षा", "a@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g"),
    ("a@مثال.إختبار", "a@xn--mgbh0fb.xn--kgbechtv"), ("a@דוגמה.טעסט", "a@xn--6dbbec0c.xn--deba0ad"),
    ("a@실례.테스트", "a@xn--9n2bp8q.xn--9t4b11yi5a"), ("a@paral·lel.cat", "a@xn--parallel-koa.cat"),
    ("a@ア・ア.jp", "a@xn--ccka0y.jp"), ("a@〇.jp", "a@xn--w6j.jp"),
    ("a@क्\u{200D}ष.com", "a@xn--11b2ezcw70k.com"),
    ("a@mail.xn--bcher-kva.ü", "a@mail.xn--bcher-kva.xn--tda"),
  ])
  func `gets a domain in ASCII`(text: String, ascii: String) throws {
    #expect(try MailAddress(text).text == ascii)
    #expect(try MailAddress(ascii).text == ascii)
  }

  /// RFC 3492 §7.1, without the samples that are no names of hosts.
  @Test(arguments: [
    ("ليهمابتكلموشعربي؟", nil), ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
    ("他們爲什麽不說中文", "ihqwctvzc91f659drss3x8bo0yb"),
    ("pročprostěnemluvíčesky", "proprostnemluvesky-uyb24dma41a"),
    ("למההםפשוטלאמדבריםעברית", "4dbcagdahymbxekheh6e0a7fei0b"),
    ("यहलोगहिन्दीक्योंनहींबोलसकतेहैं", "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd"),
    ("なぜみんな日本語を話してくれないのか", "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"),
    ("почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"),
    ("porquénopuedensimplementehablarenespañol", "porqunopuedensimplementehablarenespaol-fmd56a"),
    ("tạisaohọkhôngthểchỉnóitiếngviệt", "tisaohkhngthchnitingvit-kjcr8268qyxafd2f1b9g"),
    ("3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"),
    ("安室奈美恵-with-super-monkeys", "-with-super-monkeys-pc58ag80a8qai00g7n9n"),
    ("ひとつ屋根の下2", "2-u9tlzr9756bt3uc0v"), ("majiでkoiする5秒前", "majikoi5-783gue6qz075azm5e"),
    ("パフィーdeルンバ", "de-jg4avhby1noc0d"), ("そのスピードで", "d9juau41awczczp"),
  ])
  func `has labels that are encoded as their samples are`(label: String, encoded: String?) throws {
    let address = try? MailAddress("a@\(label).example")
    #expect(address?.text == encoded.map { "a@xn--\($0).example" })
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
    "a@\u{202E}ü.example", "a@\u{301}ü.example", "a@ü\u{200B}.example", "a@ü\u{200D}.example",
    "a@ü\u{AD}.example",
    "a@☃.example", "a@ﬁ.example", "a@ü..example", "a@.ü", "a@ab--ü.example", "a@ü-.example",
    "a@a·ü.example",
    "a@a・ü.example", "a@٠۰.example", "a@ü\u{E000}.example", "a@ü", "a@ü＠x.example", "a@ü！.example",
    "ａ@example.com",
    "a@" + String(repeating: "ü", count: 60) + ".example",
    "a@" + String(repeating: "ü", count: 100_000) + ".example",
    String(repeating: "x", count: 65) + "@example.com",
    "a@" + String(repeating: "x", count: 64) + ".com",
    "a@" + String(repeating: "b.", count: 125) + "com",
    "a@" + String(repeating: "ü.", count: 40) + "example",
  ])
  func `is refused when a server would not take it`(text: String) {
    #expect(throws: MailAddress.Malformed.self) { try MailAddress(text) }
    #expect(MailAddress.problem(of: text) != nil)
  }

  /// RFC 5321 §4.5.3.1.3 without its angle brackets; in the form that servers see.
  @Test func `has at most 254 bytes`() throws {
    func address(_ bytes: Int, _ label: String = "") -> String {
      let labels = Array(repeating: String(repeating: "x", count: 60), count: 3)
      let rest = "@" + label + labels.joined(separator: ".") + ".example"
      return String(repeating: "a", count: bytes - rest.utf8.count) + rest
    }
    #expect(try MailAddress(address(254)).text.utf8.count == 254)
    #expect(MailAddress.problem(of: address(255)) == "has more than 254 bytes")
    // `bü.` has four bytes, and in ASCII, as `xn--b-xga.`, ten.
    #expect(try MailAddress(address(248, "bü.")).text.utf8.count == 254)
    #expect(MailAddress.problem(of: address(249, "bü.")) == "has more than 254 bytes")
  }
}
