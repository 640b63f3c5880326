/// One function as the contract describes it: everything that the gateway, the API's description and an operator need to
/// know. An executable prints its own as one line of JSON (`--describe`).
public struct FunctionDescription: Codable, Equatable, Sendable {
  /// The executable, its socket, pool and log: `create-task`.
  public var function: String
  /// The service whose port, database and system user it has.
  public var service: String
  /// The heading of its endpoints in the API's description.
  public var title: String
  /// One sentence or more.
  public var summary: String
  /// The HTTP methods that lead to it; none for what is reached by gRPC alone.
  public var methods: [String]
  /// The REST path with `{name}` for what varies; empty without methods.
  public var path: String
  /// `package.Service/Method`; `nil` for what has no gRPC method.
  public var rpc: String?
  /// An older name of the gRPC method.
  public var rpcAlias: String?
  /// Whether the gRPC method is a stream in both directions.
  public var streams: Bool
  /// Whether only the gateway itself reaches it.
  public var isInternal: Bool
  /// The callers that it is open to, by the names of `contract.v1.Caller`.
  public var callers: [String]
  /// The services whose tokens count as SERVICE.
  public var services: [String]
  /// The people whom it serves, in the words of a table.
  public var who: String
  /// The path, with `{id}`, of what it makes; `nil` when it makes nothing.
  public var creates: String?
  /// Whether the body has fields of the request; otherwise it may be anything, and is not read.
  public var readsBody: Bool
  /// All codes that it may refuse a request with.
  public var problems: [Answer]
  /// Its own rate limit.
  public var limit: RateLimit?
  /// A request that changes nothing.
  public var smoke: SmokeRequest
  /// The full name of the message that it takes.
  public var request: String
  /// The full name of the message that it gives back.
  public var response: String
  /// These two and all messages inside of them.
  public var messages: [MessageDescription]
  /// The enumerations of their fields.
  public var enumerations: [EnumerationDescription] = []
}

/// A code that a request is refused with.
public struct Answer: Codable, Equatable, Sendable {
  /// `TASK_NOT_FOUND`.
  public var code: String
  /// The HTTP status.
  public var http: Int
  /// The number of the gRPC status.
  public var grpc: Int
  /// The text that a person reads, unless the function has something more precise to say.
  public var message: String
  /// The occasion on which it is given: one sentence without a full stop.
  public var meaning: String
}

/// A bound on the requests that a function takes in a second.
public struct RateLimit: Codable, Equatable, Sendable {
  /// Its name; functions of one name share it.
  public var name: String
  /// Requests a second.
  public var perSecond: Int
  /// Requests beyond that at once.
  public var burst: Int
  /// Whether requests are counted by the caller's token instead of the address.
  public var countsCallers: Bool
  /// Whether no other limit holds.
  public var isAlone: Bool
}

/// A request that changes nothing, with which a new release is tried.
public struct SmokeRequest: Codable, Equatable, Sendable {
  /// The fields as one JSON object.
  public var json: String
  /// The role of who sends it; `nil` for somebody without a token.
  public var caller: String?
  /// The code that it is refused with; `nil` when it succeeds.
  public var code: String?
}

/// An enumeration of the contract, or the texts that a field can have.
public struct EnumerationDescription: Codable, Equatable, Sendable {
  /// The full name; of texts, the same as the name.
  public var type: String
  /// The name among all packages: `TaskStatus`.
  public var name: String
  /// The comment above it, and those above its values as a list in Markdown.
  public var comment: String
  /// The values.
  public var values: [String]
}

/// A message of the contract.
public struct MessageDescription: Codable, Equatable, Sendable {
  /// The full name.
  public var type: String
  /// The comment above it.
  public var comment: String
  /// The fields, in the contract's order.
  public var fields: [FieldDescription]
  /// Fields of which exactly one must be there.
  public var exactlyOneOf: [String]
  /// Whether by REST it is the list that is its only field.
  public var isList: Bool
  /// A boolean field that says whether what was asked for is done.
  public var pendingUnless: String?

  /// A message without fields.
  public init(type: String) {
    self.type = type
    comment = ""
    fields = []
    exactlyOneOf = []
    isList = false
  }

  /// The field of that name.
  public func field(_ name: String) -> FieldDescription? { fields.first { $0.name == name } }

  /// The fields that stand in a REST request or answer as such; the others stand in a header, or nowhere.
  public var restFields: [FieldDescription] {
    fields.filter { $0.header == nil && $0.kind != .fieldMask }
  }
}

/// A field of a message.
public struct FieldDescription: Codable, Equatable, Sendable {
  /// The kind of value that a field holds.
  public enum Kind: String, Codable, Sendable {
    case string, bool, int32, int64, timestamp, fieldMask, enumeration, message, map, other
  }

  /// The effect on a field of replacing its resource (PUT).
  public enum Replacement: String, Codable, Sendable {
    /// It takes its default when it is not given.
    case reset
    /// It must be given.
    case required
    /// It stays as it is when it is not given.
    case keep
    /// It is no part of the resource.
    case unrelated
  }

  /// A lower and, perhaps, an upper bound, both included.
  public struct Bounds: Codable, Equatable, Sendable {
    /// The least.
    public var min: Int
    /// The most; `nil` for no bound but that of the whole request.
    public var max: Int?
  }

  /// The name, in JSON too.
  public var name: String
  /// The comment above it.
  public var comment: String
  /// The kind of its value.
  public var kind: Kind
  /// The full name of the message or enumeration, or the name of the texts that there can be; empty for other kinds.
  public var typeName: String
  /// The names of the enumeration, or the texts that there can be.
  public var values: [String]
  /// Whether it is a list.
  public var isRepeated: Bool
  /// Whether an unset field differs from one with the default value.
  public var hasPresence: Bool
  /// Whether it must be there; in an answer, whether it is never null.
  public var isRequired: Bool
  /// Whether it is never null, though it may be missing.
  public var isNeverNull: Bool
  /// Length in Unicode code points.
  public var characters: Bounds?
  /// Length in bytes.
  public var bytes: Bounds?
  /// Bounds of a number.
  public var range: Bounds?
  /// The most elements of a list; 0 for no bound.
  public var maxItems: Int
  /// A regular expression that the text matches.
  public var pattern: String?
  /// The kind of text.
  public var format: String?
  /// The value of a field that is not given.
  public var defaultValue: String?
  /// An example of its value.
  public var example: String?
  /// Whether examples of requests leave it out.
  public var isRare: Bool
  /// The effect of PUT on it.
  public var replacement: Replacement
  /// The HTTP header that has the value by REST.
  public var header: String?
  /// The boolean field that must be true, or with `!` before it false, for this one to be there.
  public var onlyIf: String?
}

// Only what a field says is written: most fields leave most of this open.
extension FieldDescription {
  private enum CodingKeys: String, CodingKey {
    case name, comment, kind, typeName, values, isRepeated, hasPresence, isRequired, isNeverNull,
      characters, bytes
    case range, maxItems, pattern, format, defaultValue, example, isRare, replacement, header,
      onlyIf
  }

  /// Reads a field.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    func flag(_ key: CodingKeys) throws -> Bool {
      try fields.decodeIfPresent(Bool.self, forKey: key) ?? false
    }
    func text(_ key: CodingKeys) throws -> String? {
      try fields.decodeIfPresent(String.self, forKey: key)
    }
    func bounds(_ key: CodingKeys) throws -> Bounds? {
      try fields.decodeIfPresent(Bounds.self, forKey: key)
    }
    name = try fields.decode(String.self, forKey: .name)
    comment = try text(.comment) ?? ""
    kind = try fields.decode(Kind.self, forKey: .kind)
    typeName = try text(.typeName) ?? ""
    values = try fields.decodeIfPresent([String].self, forKey: .values) ?? []
    isRepeated = try flag(.isRepeated)
    hasPresence = try flag(.hasPresence)
    isRequired = try flag(.isRequired)
    isNeverNull = try flag(.isNeverNull)
    characters = try bounds(.characters)
    bytes = try bounds(.bytes)
    range = try bounds(.range)
    maxItems = try fields.decodeIfPresent(Int.self, forKey: .maxItems) ?? 0
    pattern = try text(.pattern)
    format = try text(.format)
    defaultValue = try text(.defaultValue)
    example = try text(.example)
    isRare = try flag(.isRare)
    replacement = try fields.decodeIfPresent(Replacement.self, forKey: .replacement) ?? .reset
    header = try text(.header)
    onlyIf = try text(.onlyIf)
  }

  /// Writes what the field says.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    func some<T: Equatable>(_ value: T, but usual: T) -> T? { value == usual ? nil : value }
    try fields.encode(name, forKey: .name)
    try fields.encodeIfPresent(some(comment, but: ""), forKey: .comment)
    try fields.encode(kind, forKey: .kind)
    try fields.encodeIfPresent(some(typeName, but: ""), forKey: .typeName)
    try fields.encodeIfPresent(some(values, but: []), forKey: .values)
    try fields.encodeIfPresent(some(isRepeated, but: false), forKey: .isRepeated)
    try fields.encodeIfPresent(some(hasPresence, but: false), forKey: .hasPresence)
    try fields.encodeIfPresent(some(isRequired, but: false), forKey: .isRequired)
    try fields.encodeIfPresent(some(isNeverNull, but: false), forKey: .isNeverNull)
    try fields.encodeIfPresent(characters, forKey: .characters)
    try fields.encodeIfPresent(bytes, forKey: .bytes)
    try fields.encodeIfPresent(range, forKey: .range)
    try fields.encodeIfPresent(some(maxItems, but: 0), forKey: .maxItems)
    try fields.encodeIfPresent(pattern, forKey: .pattern)
    try fields.encodeIfPresent(format, forKey: .format)
    try fields.encodeIfPresent(defaultValue, forKey: .defaultValue)
    try fields.encodeIfPresent(example, forKey: .example)
    try fields.encodeIfPresent(some(isRare, but: false), forKey: .isRare)
    try fields.encodeIfPresent(some(replacement, but: .reset), forKey: .replacement)
    try fields.encodeIfPresent(header, forKey: .header)
    try fields.encodeIfPresent(onlyIf, forKey: .onlyIf)
  }
}
