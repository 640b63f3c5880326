import JSON
import Testing

struct `The JSON writer` {
  private func text(_ write: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter()
    write(&json)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  @Test(arguments: [
    "", "a", "1234567", "12345678", "a text of more than fifteen bytes", "ü", "a\"b", "\\",
    "1234567\n", "12345678\u{1}9",
  ])
  func `writes a member as a name and a value`(value: String) {
    let asMember = text { json in
      json.beginObject()
      json.member("first", value)
      json.member("second", value)
      json.member("third", String?.none)
      json.member("fourth", Int64(-7))
      json.member("fifth", true)
      json.endObject()
    }
    let inTwo = text { json in
      json.beginObject()
      for name in ["first", "second"] as [StaticString] {
        json.name(name)
        json.value(value)
      }
      json.name("third")
      json.null()
      json.name("fourth")
      json.value(-7)
      json.name("fifth")
      json.value(true)
      json.endObject()
    }
    #expect(asMember == inTwo)
  }

  @Test(arguments: [
    Int64.min, -1_000_000_000, -10, -9, 0, 9, 10, 99, 100, 4_294_967_296, Int64.max,
  ])
  func `writes a number in all its digits`(number: Int64) {
    #expect(text { $0.value(number) } == "\(number)")
  }

  @Test(arguments: 0..<40)
  func `finds what must be escaped wherever it stands`(length: Int) {
    let plain = String(repeating: "x", count: length)
    for special in ["\"", "\\", "\u{1f}"] {
      let escaped = special == "\u{1f}" ? "\\u001f" : "\\" + special
      for position in 0...length {
        let (head, tail) = (plain.prefix(position), plain.dropFirst(position))
        #expect(text { $0.value(head + special + tail) } == "\"\(head)\(escaped)\(tail)\"")
      }
    }
  }

  @Test func `sets commas between values and nowhere else`() {
    let text = text { json in
      json.beginObject()
      json.name("none")
      json.beginArray()
      json.endArray()
      json.name("some")
      json.beginArray()
      json.value(1)
      json.value("two")
      json.null()
      json.beginObject()
      json.endObject()
      json.beginArray()
      json.value(true)
      json.endArray()
      json.value(false)
      json.endArray()
      json.name("last")
      json.beginObject()
      json.name("a")
      json.value(String?.none)
      json.name("b")
      json.value(String?.some("c"))
      json.endObject()
      json.name("end")
      json.plainValue(maximum: 8) { $0.update(fromContentsOf: Array("2026".utf8)) }
      json.endObject()
    }
    #expect(
      text
        == #"{"none":[],"some":[1,"two",null,{},[true],false],"last":{"a":null,"b":"c"},"end":"2026"}"#
    )
  }

  @Test(arguments: [
    ("", ""), ("plain", "plain"), ("\"", #"\""#), ("\\", #"\\"#), ("\n\r\t", #"\n\r\t"#),
    ("\u{0}", #"\u0000"#), ("\u{1}\u{1F}", #"\u0001\u001f"#), ("\u{8}\u{C}", #"\u0008\u000c"#),
    ("a\"b\\c\nd", #"a\"b\\c\nd"#), ("/", "/"), ("\u{7F}", "\u{7F}"), ("é€𝄞", "é€𝄞"),
    ("\"\"", #"\"\""#), ("end\n", #"end\n"#),
  ])
  func `escapes what must be and nothing else`(string: String, escaped: String) {
    #expect(text { $0.value(string) } == "\"\(escaped)\"")
    #expect(text { $0.name(string) } == "\"\(escaped)\":")
  }

  @Test func `escapes every ASCII character so that it comes back`() throws {
    let string = String(String.UnicodeScalarView((0..<128).compactMap(Unicode.Scalar.init)))
    #expect(try parsed(text { $0.value(string) }).string == string)
  }

  @Test func `takes strings that share their bytes with another`() throws {
    let whole = String(repeating: "0123456789", count: 10) + "\""
    #expect(text { $0.value(String(whole.dropFirst(95))) } == #""56789\"""#)
  }

  @Test(arguments: [Int64.min, -1, 0, 1, Int64.max])
  func `writes integers whole`(number: Int64) { #expect(text { $0.value(number) } == "\(number)") }

  @Test(
    arguments: [(0, "0.000"), (1, "0.001"), (999, "0.999"), (1000, "1.000"), (12_045, "12.045")]
      as [(Int64, String)]
  )
  func `writes milliseconds with three digits behind the point`(
    microseconds: Int64,
    written: String
  ) {
    #expect(text { $0.value(milliseconds: microseconds) } == written)
  }

  /// 500 trees, the same in every run.
  @Test func `writes what the parser reads as the same value`() throws {
    var random = Seeded(state: 42)
    for _ in 0..<500 {
      let tree = tree(depth: 5, &random)
      let text = written(tree)
      let again = try parsed(text)
      try #require(again == tree)
      // Strings are equal in Swift if they have the same characters; here every byte counts.
      try #require(written(again) == text && Array(written(again).utf8) == Array(text.utf8))
    }
  }

  private func tree(depth: Int, _ random: inout Seeded) -> JSONValue {
    switch Int.random(in: 0..<(depth == 0 ? 4 : 6), using: &random) {
    case 0: return .null
    case 1: return .bool(.random(using: &random))
    case 2:
      return .number(
        [
          "0", "-1", "1.5e-7", "12345678901234567890",
          "\(Int.random(in: -999...999, using: &random))",
        ]
        .randomElement(using: &random) ?? "0"
      )
    case 3: return .string(string(&random))
    case 4:
      return .array(
        (0..<Int.random(in: 0...4, using: &random)).map { _ in tree(depth: depth - 1, &random) }
      )
    default:
      var members = "{"
      for number in 0..<Int.random(in: 0...4, using: &random) {
        if number > 0 { members += "," }
        // The number makes the name unique.
        members +=
          written(.string("\(number)" + string(&random))) + ":"
          + written(tree(depth: depth - 1, &random))
      }
      return (try? parsed(members + "}")) ?? .null
    }
  }

  private func string(_ random: inout Seeded) -> String {
    var scalars = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...12, using: &random) {
      let limit: UInt32 =
        [0x30, 0x80, 0x800, 0x1_0000, 0x11_0000].randomElement(using: &random) ?? 0x80
      if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &random)) {
        scalars.append(scalar)
      }
    }
    return String(scalars)
  }
}
