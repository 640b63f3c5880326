public import API
public import Endpoint
public import JSON
import Values

/// The fields of a request, whether they are in the path, the query or the JSON body. A binding reads each field
/// that its message has; faults are recorded, and fields that nobody reads are unknown.
public struct Fields {
  private enum Value {
    /// From the path or the query.
    case texts([String])
    /// From a JSON body.
    case json(JSONValue)
  }

  /// The meaning of the fields.
  public enum Mode: Sendable {
    /// Fields that are not given get their defaults.
    case whole
    /// Fields that are not given stay as they are (PATCH).
    case partial
    /// As `partial`; data that is outside the fields of a REST request (`If-Match`) is a field, too.
    case message
  }

  /// The faults found so far.
  public var violations = Violations()
  /// The meaning of the fields.
  public let mode: Mode
  private var values: [(name: String, value: Value, isTaken: Bool)] = []

  /// No fields.
  public init(mode: Mode = .whole) { self.mode = mode }

  /// Adds the members of a JSON object.
  public mutating func add(_ object: JSONObject) {
    values.reserveCapacity(values.count + object.members.count)
    for member in object.members { values.append((member.name, .json(member.value), false)) }
  }

  /// Adds a field from the path or one pair of the query.
  public mutating func add(_ name: String, text: String) {
    for index in values.indices where values[index].name == name {
      if case .texts(let texts) = values[index].value {
        values[index].value = .texts(texts + [text])
      } else {
        violations.add(name, "must not be in the body as well as in the path")
      }
      return
    }
    values.append((name, .texts([text]), false))
  }

  /// Tells whether the field is present, even if it is `null`.
  public func has(_ name: String) -> Bool { values.contains { $0.name == name } }

  /// Records every field that nobody has read as a fault.
  public mutating func finish() {
    for field in values where !field.isTaken {
      violations.add(field.name.excerpt(), "is not a field of this request")
    }
  }

  private mutating func take(_ name: String) -> Value? {
    for index in values.indices where values[index].name == name {
      values[index].isTaken = true
      if case .json(.null) = values[index].value { return nil }
      return values[index].value
    }
    return nil
  }

  private mutating func single(_ name: String) -> Value? {
    let value = take(name)
    if case .texts(let texts)? = value, texts.count > 1 {
      violations.add(name, "is given \(texts.count) times")
    }
    return value
  }

  /// Reads a string.
  public mutating func string(_ name: String) -> String? {
    switch single(name) {
    case nil: return nil
    case .texts(let texts): return texts[0]
    case .json(.string(let text)): return text
    case .json(let other):
      violations.add(name, "must be a string, not \(other.kind)")
      return nil
    }
  }

  /// Reads a string that must be present and not empty: in a gRPC message these are the same.
  public mutating func requiredString(_ name: String) -> String {
    let before = violations.reasons[name]
    if let text = string(name) {
      if text.isEmpty { violations.add(name, "must not be empty") }
      return text
    }
    if before == nil, violations.reasons[name] == nil { violations.add(name, "is required") }
    return ""
  }

  /// Reads a boolean.
  public mutating func bool(_ name: String) -> Bool? {
    switch single(name) {
    case nil: return nil
    case .texts(["true"]), .json(.bool(true)): return true
    case .texts(["false"]), .json(.bool(false)): return false
    case .texts, .json:
      violations.add(name, "must be true or false")
      return nil
    }
  }

  /// Reads a whole number of 32 bits.
  public mutating func integer(_ name: String) -> Int32? { whole(name) }

  /// Reads a whole number of 64 bits.
  public mutating func longInteger(_ name: String) -> Int64? { whole(name) }

  private mutating func whole<T: FixedWidthInteger>(_ name: String) -> T? {
    let number: Int64?
    switch single(name) {
    case nil: return nil
    case .texts(let texts): number = Self.integer(texts[0])
    case .json(let json): number = json.integer
    }
    guard let number, let fitting = T(exactly: number) else {
      violations.add(name, "must be a whole number")
      return nil
    }
    return fitting
  }

  /// Reads a JSON array of at most `maximumCount` whole numbers of 32 bits.
  public mutating func integers(_ name: String, atMost maximumCount: Int) -> [Int32]? {
    guard let value = take(name) else { return nil }
    guard case .json(.array(let elements)) = value else {
      violations.add(name, "must be an array of whole numbers")
      return nil
    }
    guard elements.count <= maximumCount else {
      violations.add(name, "must have at most \(maximumCount) values")
      return nil
    }
    let numbers = elements.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
    guard numbers.count == elements.count else {
      violations.add(name, "must be an array of whole numbers")
      return nil
    }
    return numbers
  }

  /// Reads the version that the caller has seen, where it is a field.
  public mutating func expectedVersion() -> Int64? {
    guard mode == .message else { return nil }
    switch single("expected_version") {
    case nil: return nil
    case .json(let json) where json.integer != nil: return json.integer
    case .json, .texts:
      violations.add("expected_version", "must be a whole number")
      return nil
    }
  }

  private static func integer(_ text: String) -> Int64? {
    text.hasPrefix("+") ? nil : Int64(text)
  }

  /// Reads an RFC 3339 timestamp.
  public mutating func timestamp(_ name: String) -> Timestamp? {
    guard let text = string(name) else { return nil }
    do {
      return Timestamp(try Instant(rfc3339: text))
    } catch let error as Instant.Malformed {
      violations.add(name, error.reason)
    } catch {
      violations.add(name, "is not a timestamp")
    }
    return nil
  }

  /// The names of the fields that an update changes: every replaceable one when the whole resource is replaced,
  /// otherwise those that are given; the others only when given.
  public func mask(replaceable: [String], others: [String]) -> [String] {
    replaceable.filter { mode == .whole || has($0) } + others.filter(has)
  }

  /// Reads a nested message: `read` reads its fields, whose names are `outer.inner` in the faults.
  public mutating func message<T: Message>(
    _ name: String,
    _ read: (_ inner: inout Fields) -> T
  ) -> T? {
    switch single(name) {
    case nil: return nil
    case .json(.object(let object)):
      var inner = Fields(mode: mode)
      inner.add(object)
      let message = read(&inner)
      inner.finish()
      for (field, reason) in inner.violations.reasons { violations.add("\(name).\(field)", reason) }
      return message
    case .json(let other): violations.add(name, "must be an object, not \(other.kind)")
    case .texts: violations.add(name, "must be an object")
    }
    return nil
  }

  /// Reads a value of an enumeration by its name.
  public mutating func named<T: NamedEnum>(_ name: String) -> T? {
    guard let text = string(name) else { return nil }
    return value(of: text, name)
  }

  /// Reads at most `maximumCount` values of an enumeration: a repeated field of the query, or a JSON array.
  public mutating func namedList<T: NamedEnum>(_ name: String, atMost maximumCount: Int) -> [T] {
    let texts: [String]
    switch take(name) {
    case nil: return []
    case .texts(let given): texts = given
    case .json(.array(let elements)) where elements.allSatisfy({ $0.string != nil }):
      texts = elements.compactMap(\.string)
    case .json:
      violations.add(name, "must be an array of strings")
      return []
    }
    guard texts.count <= maximumCount else {
      violations.add(name, "is given more than \(maximumCount) times")
      return []
    }
    return texts.compactMap { value(of: $0, name) }
  }

  private mutating func value<T: NamedEnum>(of text: String, _ name: String) -> T? {
    if let value = T(name: text) { return value }
    violations.add(name, "must be one of \(T.names.joined(separator: ", "))")
    return nil
  }
}
