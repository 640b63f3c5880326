/// A JSON value as it was written: numbers keep their text and objects their order.
public enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  /// The number's own characters, e.g. `1e3`.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// The name of this kind of value, for a message.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// The number as an integer: digits with an optional minus sign, no exponent, and no fraction but zeros, which many
  /// programs append to every number. Source: JSON Schema 2020-12 Validation §6.1.1.
  public var integer: Int64? {
    guard case .number(let text) = self else { return nil }
    if let number = Int64(text) { return number }
    guard let point = text.firstIndex(of: "."),
      text[text.index(after: point)...].utf8.allSatisfy({ $0 == UInt8(ascii: "0") })
    else { return nil }
    return Int64(text[..<point])
  }

  /// The string, if it is one.
  public var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }
}

/// The members of an object, in order, each name once.
public struct JSONObject: Equatable, Sendable {
  /// Name and value of each member.
  public private(set) var members: [(name: String, value: JSONValue)] = []

  /// An object without members.
  public init() {}

  /// An object with these members, of which no two have the same name.
  public init(_ members: [(name: String, value: JSONValue)]) { self.members = members }

  /// The member of that name.
  public subscript(name: String) -> JSONValue? {
    for member in members where Self.isSame(member.name, name) { return member.value }
    return nil
  }

  /// Compares byte by byte (RFC 8259 §8.3): to Swift, é equals e with a combining accent.
  private static func isSame(_ left: String, _ right: String) -> Bool {
    // Texts that differ for Swift differ in bytes too; and it compares short ASCII texts at once.
    guard left.utf8.count == right.utf8.count, left == right else { return false }
    return left.utf8.elementsEqual(right.utf8)
  }

  /// Adds a member, unless there is one of that name already; then the result is `false`.
  mutating func append(_ name: String, _ value: JSONValue) -> Bool {
    for member in members where Self.isSame(member.name, name) { return false }
    if members.isEmpty { members.reserveCapacity(8) }
    members.append((name, value))
    return true
  }

  /// Objects are equal when they have equal members in the same order.
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.elementsEqual(right.members) { $0.name == $1.name && $0.value == $1.value }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
  ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// A string.
  public init(stringLiteral text: String) { self = .string(text) }

  /// `true` or `false`.
  public init(booleanLiteral flag: Bool) { self = .bool(flag) }

  /// A whole number.
  public init(integerLiteral number: Int) { self = .number("\(number)") }

  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  /// An object, with its members in this order.
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    self = .object(JSONObject(members.map { (name: $0.0, value: $0.1) }))
  }
}
