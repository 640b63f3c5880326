/// What holds for a field of a REST request or answer beyond its type in the contract. It describes; `Rules`
/// decides.
public struct FieldRule: Sendable {
  /// Its name in the contract.
  public var name: String
  /// Whether it must be there. In an answer everything is, but for what `isConditional`.
  public var isRequired = false
  /// Whether an answer has it at some times only.
  public var isConditional = false
  /// Whether it must be there when a resource is replaced (PUT).
  public var isRequiredToReplace = false
  /// Whether it is left out of examples of requests, because few requests have it.
  public var isRare = false
  /// Whether it may be `null`.
  public var isNullable = true
  /// Characters of a text; `Int.max` for no upper bound but that of the whole request.
  public var characters: ClosedRange<Int>?
  /// Bounds of a number.
  public var range: ClosedRange<Int>?
  /// Most values of a list.
  public var maximumItems: Int?
  /// A regular expression that a text matches. Source: ECMA-262, as JSON Schema has it.
  public var pattern: String?
  /// A kind of text: one that JSON Schema knows, or `password`, `time-zone`, `page-token`.
  public var format: String?
  /// The texts that there can be.
  public var values: [String] = []
  /// What it is when it is not given.
  public var defaultValue: String?
  /// What it may look like.
  public var example: String?

  /// A rule that asks for nothing yet.
  public init(_ name: String, format: String? = nil, example: String? = nil) {
    self.name = name
    self.format = format
    self.example = example
  }

  /// Must be there, and is not `null`.
  public var required: FieldRule { changed { ($0.isRequired, $0.isNullable) = (true, false) } }

  /// Must be there when the resource is replaced, and is never `null`.
  public var requiredToReplace: FieldRule {
    changed { ($0.isRequiredToReplace, $0.isNullable) = (true, false) }
  }

  /// Is left out of examples of requests.
  public var rare: FieldRule { changed { $0.isRare = true } }

  /// Is in an answer at some times only.
  public var sometimes: FieldRule { changed { $0.isConditional = true } }

  /// Is never `null`.
  public var neverNull: FieldRule { changed { $0.isNullable = false } }

  /// Has so many characters, none of them U+0000, which PostgreSQL's texts cannot hold.
  public func characters(_ range: ClosedRange<Int>) -> FieldRule {
    changed { ($0.characters, $0.pattern) = (range, #"^[^\u0000]*$"#) }
  }

  /// Is not empty.
  public var notEmpty: FieldRule { changed { $0.characters = 1...Int.max } }

  /// Has at most so many characters.
  public func atMostCharacters(_ count: Int) -> FieldRule {
    changed { $0.characters = 0...count }
  }

  /// Has a value of this range.
  public func range(_ range: ClosedRange<Int>) -> FieldRule { changed { $0.range = range } }

  /// Matches a pattern.
  public func pattern(_ pattern: String) -> FieldRule { changed { $0.pattern = pattern } }

  /// Is one of these.
  public func values(_ values: [String]) -> FieldRule { changed { $0.values = values } }

  /// Is this when it is not given.
  public func defaulting(to value: String) -> FieldRule { changed { $0.defaultValue = value } }

  /// Looks like this, for one.
  public func showing(_ example: String) -> FieldRule { changed { $0.example = example } }

  /// Has at most so many values.
  public func atMost(_ count: Int) -> FieldRule { changed { $0.maximumItems = count } }

  private func changed(_ change: (inout FieldRule) -> Void) -> FieldRule {
    var rule = self
    change(&rule)
    return rule
  }
}

/// A message whose fields have rules. What the contract has and no rule names is no field by REST: it stands
/// in a header there (`If-Match`), or in nothing.
public protocol RuledMessage: Message {
  /// A rule for each field.
  static var rules: [FieldRule] { get }
  /// Fields of which exactly one must be there.
  static var alternatives: [String] { get }
  /// The messages inside of a request, which have rules of their own and stand in no request or answer by themselves.
  static var inner: [any RuledMessage.Type] { get }
}

extension RuledMessage {
  /// There are no fields.
  public static var rules: [FieldRule] { [] }
  /// There are none.
  public static var alternatives: [String] { [] }
  /// There are none.
  public static var inner: [any RuledMessage.Type] { [] }
}
