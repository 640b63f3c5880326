import JSON
import Testing

struct `The JSON parser takes` {
  @Test(arguments: [
    ("null", JSONValue.null), ("true", .bool(true)), ("false", .bool(false)), ("\"\"", .string("")),
    ("[]", .array([])), ("{}", object([:])), ("[[]]", .array([.array([])])),
    ("[{}]", .array([object([:])])),
    (" \t\r\n[ 1 , 2 ]\n\r\t ", .array([.number("1"), .number("2")])),
    ("{ \"a\" : { \"b\" : [ null ] } }", object(["a": object(["b": .array([.null])])])),
    ("{\"b\":1,\"a\":2}", object(["b": .number("1"), "a": .number("2")])),
    ("{\"\":0}", object(["": .number("0")])),
    ("{\"a\":{\"a\":{\"a\":1}}}", object(["a": object(["a": object(["a": .number("1")])])])),
  ])
  func `every kind of value`(text: String, value: JSONValue) throws {
    #expect(try parsed(text) == value)
  }

  @Test(arguments: [
    "0", "-0", "1", "-1", "10", "1234567890", "0.0", "-0.5", "1.25", "0e0", "1e3", "1E3", "1e+3",
    "1e-3", "-1.5E-10", "0e1", "20e1", "123456789012345678901234567890", "1e400",
    "0.000000000000000000000000000000000000000000000000000000000000000000001",
  ])
  func `numbers, and keeps their characters`(text: String) throws {
    #expect(try parsed(text) == .number(text))
  }

  @Test(arguments: [
    (#""\"\\\/""#, "\"\\/"), (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"),
    (#""\u0041\u00e9""#, "A\u{E9}"), (#""\u00E9""#, "\u{E9}"), (#""\u0000""#, "\u{0}"),
    (#""a\u0000b""#, "a\u{0}b"), (#""\u0001\u001f\u007f""#, "\u{1}\u{1F}\u{7F}"),
    (#""\uD834\uDD1E""#, "\u{1D11E}"), (#""\ud800\udc00""#, "\u{10000}"),
    (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""\uFFFE\uFFFF""#, "\u{FFFE}\u{FFFF}"),
    (#""\u2028\u2029""#, "\u{2028}\u{2029}"), (#""\\u0000""#, #"\u0000"#), (#""a\nb""#, "a\nb"),
    (#""\uD7FF\uE000""#, "\u{D7FF}\u{E000}"),
  ])
  func `escapes`(text: String, string: String) throws {
    #expect(try Array(parsed(text).string?.utf8 ?? "none".utf8) == Array(string.utf8))
  }

  @Test(arguments: [
    "a", "é", "e\u{301}", "€", "𝄞", "日本語", "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{FFFF}",
    "\u{10FFFF}", "\u{2028}", "\u{FEFF}inside", "👩‍👩‍👧‍👦", "<script>&'",
  ])
  func `UTF-8 as it stands`(string: String) throws {
    #expect(try Array(parsed("\"\(string)\"").string?.utf8 ?? "none".utf8) == Array(string.utf8))
  }

  @Test func `32 levels`() throws {
    let brackets = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
    #expect(try written(parsed(brackets)) == brackets)
    let braces = String(repeating: "{\"a\":", count: 32) + "1" + String(repeating: "}", count: 32)
    #expect(try written(parsed(braces)) == braces)
  }

  @Test func `levels that lie beside each other, however many`() throws {
    let text = "[" + Array(repeating: "[[]]", count: 1000).joined(separator: ",") + "]"
    #expect(try written(parsed(text)) == text)
  }

  @Test func `256 members`() throws {
    let members = (0..<256).map { "\"m\($0)\":\($0)" }
    let text = "{\(members.joined(separator: ","))}"
    #expect(try written(parsed(text)) == text)
  }

  /// RFC 8259 §8.3: names are compared code unit by code unit, so these two are not the same.
  @Test func `names that look alike and are not`() throws {
    let text = "{\"\u{E9}\":1,\"e\u{301}\":2}"
    #expect(try written(parsed(text)) == text)
  }
}

struct `The JSON parser refuses` {
  /// Bytes that are not JSON, and the position where they stop being so.
  struct Refusal: CustomTestStringConvertible, Sendable {
    let bytes: [UInt8]
    let offset: Int

    init(_ text: String, at offset: Int) {
      bytes = Array(text.utf8)
      self.offset = offset
    }

    init(bytes: [UInt8], at offset: Int) {
      self.bytes = bytes
      self.offset = offset
    }

    var testDescription: String { String(decoding: bytes, as: UTF8.self) }
  }

  private func error(_ refusal: Refusal) throws -> JSONError {
    try #require(throws: JSONError.self) { try JSONValue(parsing: refusal.bytes) }
  }

  @Test(arguments: [
    Refusal("", at: 0), Refusal("  ", at: 2), Refusal("nul", at: 0), Refusal("True", at: 0),
    Refusal("nulll", at: 4), Refusal("NaN", at: 0), Refusal("Infinity", at: 0),
    Refusal("-Infinity", at: 1), Refusal("undefined", at: 0), Refusal("'a'", at: 0),
    Refusal("a", at: 0), Refusal("]", at: 0), Refusal(",", at: 0), Refusal(":", at: 0),
    Refusal("// no\n1", at: 0), Refusal("/* no */1", at: 0), Refusal("1 // no", at: 2),
    Refusal("1 2", at: 2), Refusal("{}{}", at: 2), Refusal("[]]", at: 2), Refusal("\u{A0}1", at: 0),
    Refusal("\u{C}1", at: 0), Refusal("1\u{0}", at: 1), Refusal("\u{0}", at: 0),
    Refusal("\u{FEFF}1", at: 0), Refusal(bytes: [0xFF, 0xFE, 0x31, 0x00], at: 0),
  ])
  func `what is not exactly one value`(refusal: Refusal) throws {
    #expect(try error(refusal).offset == refusal.offset)
  }

  @Test(arguments: [
    Refusal("-", at: 1), Refusal("+1", at: 0), Refusal("01", at: 1), Refusal("-01", at: 2),
    Refusal(".5", at: 0), Refusal("1.", at: 2), Refusal("-.5", at: 1), Refusal("1.e1", at: 2),
    Refusal("1e", at: 2), Refusal("1e+", at: 3), Refusal("1e1.5", at: 3), Refusal("1e+-1", at: 3),
    Refusal("0x10", at: 1), Refusal("1_000", at: 1), Refusal("- 1", at: 1), Refusal("--1", at: 1),
    Refusal("1.2.3", at: 3), Refusal("１", at: 0), Refusal("1f", at: 1),
  ])
  func `numbers of another form`(refusal: Refusal) throws {
    #expect(try error(refusal).offset == refusal.offset)
  }

  @Test(arguments: [
    Refusal("[", at: 1), Refusal("[1", at: 2), Refusal("[1,", at: 3), Refusal("[1,]", at: 3),
    Refusal("[,1]", at: 1), Refusal("[1,,2]", at: 3), Refusal("[1 2]", at: 3),
    Refusal("[1}", at: 2), Refusal("[1;2]", at: 2), Refusal("{", at: 1), Refusal("{\"a\"", at: 4),
    Refusal("{\"a\":", at: 5), Refusal("{\"a\":1", at: 6), Refusal("{\"a\":1,", at: 7),
    Refusal("{\"a\":1,}", at: 7), Refusal("{,\"a\":1}", at: 1), Refusal("{\"a\"}", at: 4),
    Refusal("{\"a\",1}", at: 4), Refusal("{\"a\":}", at: 5), Refusal("{\"a\"::1}", at: 5),
    Refusal("{a:1}", at: 1), Refusal("{1:1}", at: 1), Refusal("{null:1}", at: 1),
    Refusal("{'a':1}", at: 1), Refusal("{\"a\":1]", at: 6), Refusal("{\"a\":1 \"b\":2}", at: 7),
    Refusal("{\"a\" 1}", at: 5), Refusal("{[]:1}", at: 1),
  ])
  func `arrays and objects with a piece too few or too many`(refusal: Refusal) throws {
    #expect(try error(refusal).offset == refusal.offset)
  }

  @Test(arguments: [
    #"""#, #""a"#, #""\"#, #""\""#, #""\x41""#, #""\'""#, #""\0""#, #""\a""#, #""\U0041""#,
    #""\u""#, #""\u004""#, #""\u004G""#, #""\u 041""#, #""\u-041""#, #""\uD83""#, #""\u00４1""#,
  ])
  func `strings without an end and escapes that there are not`(text: String) throws {
    #expect(throws: JSONError.self) { try parsed(text) }
  }

  @Test(arguments: [UInt8](0..<0x20))
  func `control characters that are not escaped`(byte: UInt8) throws {
    let refusal = Refusal(bytes: [0x22, 0x61, byte, 0x22], at: 2)
    let error = try error(refusal)
    #expect(error.offset == 2)
    #expect(error.reason.contains("control character"))
  }

  @Test(arguments: [
    #""\uD800""#, #""\uDBFFx""#, #""\uDC00""#, #""\uDFFF""#, #""\uDC00\uD800""#, #""\uD800\uD800""#,
    #""\uD834\n""#, #""\uD834\u0041""#, #""\uD834\\uDD1E""#, #""\uD834 \uDD1E""#,
    #""\uDD1E\uD834""#,
  ])
  func `lone surrogates`(text: String) throws {
    let error = try #require(throws: JSONError.self) { try parsed(text) }
    #expect(error.reason == "a lone surrogate in a string")
  }

  @Test(
    arguments: [
      [0x80], [0xBF], [0xFF], [0xFE], [0xC3], [0xE2, 0x82], [0xF0, 0x9D, 0x84], [0xC3, 0x28],
      [0xE2, 0x28, 0xA1],
      // Longer than necessary: "/", NUL, U+07FF, U+FFFF.
      [0xC0, 0xAF], [0xC1, 0xBF], [0xC0, 0x80], [0xE0, 0x9F, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF],
      // Surrogates, single and as a pair (CESU-8).
      [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0xB4, 0xED, 0xB4, 0x9E],
      // Beyond U+10FFFF.
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
      // Latin-1.
      [0x63, 0x61, 0x66, 0xE9],
    ] as [[UInt8]]
  )
  func `strings that are not UTF-8, as values, as names and next to escapes`(bytes: [UInt8]) throws
  {
    let quoted = [0x22] + bytes + [0x22]
    for document in [
      quoted, Array("{".utf8) + quoted + Array(":1}".utf8), Array("\"\\n".utf8) + bytes + [0x22],
      [0x22] + bytes + Array("\\n\"".utf8),
    ] {
      let error = try #require(throws: JSONError.self) { try JSONValue(parsing: document) }
      #expect(error.reason == "a string is not valid UTF-8")
    }
  }

  @Test func `bytes that are not UTF-8 outside of strings`() throws {
    #expect(try error(Refusal(bytes: [0x5B, 0xC3, 0xA9, 0x5D], at: 1)).offset == 1)
  }

  @Test(arguments: ["[", "{\"a\":"])
  func `33 levels`(opening: String) throws {
    let error = try #require(throws: JSONError.self) {
      try parsed(String(repeating: opening, count: 33))
    }
    #expect(error.reason == "more than 32 levels deep")
    #expect(error.offset == opening.utf8.count * 32)
  }

  @Test func `a hundred thousand levels without harm`() throws {
    let error = try #require(throws: JSONError.self) {
      try parsed(String(repeating: "[", count: 100_000))
    }
    #expect(error.offset == 32)
  }

  @Test(arguments: [
    ("{\"a\":1,\"a\":1}", 7), ("{\"a\":1,\"b\":2,\"a\":3}", 13), (#"{"a":1,"\u0061":2}"#, 7),
    ("{\"\":1,\"\":2}", 6), ("[{\"a\":{},\"a\":{}}]", 9),
  ])
  func `a name that occurs twice`(text: String, offset: Int) throws {
    let error = try #require(throws: JSONError.self) { try parsed(text) }
    #expect(error.reason.hasSuffix("occurs twice"))
    #expect(error.offset == offset)
  }

  @Test func `257 members`() throws {
    let members = (0..<257).map { "\"m\($0)\":0" }
    let text = "{\(members.joined(separator: ","))}"
    let error = try #require(throws: JSONError.self) { try parsed(text) }
    #expect(error.reason == "more than 256 members in one object")
    #expect(error.offset == text.utf8.count - "\"m256\":0}".utf8.count)
  }

  @Test func `a hundred thousand members with one name at the second of them`() throws {
    let text = "{" + Array(repeating: "\"a\":1", count: 100_000).joined(separator: ",") + "}"
    #expect(try #require(throws: JSONError.self) { try parsed(text) }.offset == 7)
  }
}

struct `The place of a JSON error` {
  @Test(arguments: [
    ("{\n  \"a\": 1,\n  \"b\" 2\n}", 18, 3, 7), ("x", 0, 1, 1), ("[1,\n", 4, 2, 1),
    ("\n\n\n ?", 4, 4, 2), ("[\r\n!]", 3, 2, 1), ("[\"é\" 1]", 6, 1, 7), ("[1\n2]", 3, 2, 1),
  ])
  func `is an offset from 0, a line and a byte in it from 1`(
    text: String,
    offset: Int,
    line: Int,
    column: Int
  ) throws {
    let error = try #require(throws: JSONError.self) { try parsed(text) }
    #expect(error.offset == offset)
    #expect(error.line == line)
    #expect(error.column == column)
  }

  @Test(arguments: [
    ("{\"a\":1 1}", "expected \",\" or \"}\""), ("{\"a\" 1}", "expected \":\""),
    ("[1 1]", "expected \",\" or \"]\""),
  ])
  func `comes with what should stand there`(text: String, reason: String) throws {
    #expect(try #require(throws: JSONError.self) { try parsed(text) }.reason == reason)
  }

  @Test(arguments: ["", "[1", "{\"a\":1", "{", "\"a", "1."])
  func `may be the end`(text: String) throws {
    let error = try #require(throws: JSONError.self) { try parsed(text) }
    #expect(error.reason.hasSuffix("but the text ends"))
    #expect(error.offset == text.utf8.count)
  }
}

struct `A JSON value` {
  @Test(
    arguments: [
      ("0", 0), ("-1", -1), ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
      ("1.0", 1), ("-7.000", -7),
    ] as [(String, Int64)]
  )
  func `is an integer when it is written as one`(text: String, integer: Int64) throws {
    #expect(try parsed(text).integer == integer)
  }

  @Test(arguments: [
    "1e2", "1.5", "0.01", "1.0e1", "9223372036854775808", "\"1\"", "true", "null", "[1]",
  ])
  func `is no integer otherwise`(text: String) throws { #expect(try parsed(text).integer == nil) }

  @Test func `gives members by name`() throws {
    guard case .object(let members) = try parsed(#"{"a":1,"b":null}"#) else {
      Issue.record("not an object")
      return
    }
    #expect(members["a"] == .number("1"))
    #expect(members["b"] == .null)
    #expect(members["c"] == nil)
    #expect(members["A"] == nil)
  }
}
