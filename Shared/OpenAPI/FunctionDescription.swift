import JSON

/// What a function says of itself, read from the line that `--describe` prints.
public struct FunctionDescription {
  /// A line that cannot be read.
  public struct Malformed: Error {
    /// One sentence.
    public let message: String
  }

  /// A message with the rules of its fields.
  struct Message {
    let type: String
    let rules: [JSONObject]
    let alternatives: [String]
    /// The messages inside of it that stand nowhere by themselves.
    let inner: [Message]
  }

  /// A code that it may refuse a request with.
  struct Refusal {
    let code: String
    let meaning: String
    let status: Int
  }

  let function: String
  let summary: String
  let methods: [String]
  let path: String
  let creates: Bool
  /// Whether what it makes may still have to be done when it answers.
  let maybePending: Bool
  /// Whether a body has fields of the request.
  let readsBody: Bool
  let rpc: String?
  /// `anyone`, `anyone-known-or-not`, `signed-in`, or `nil` when some roles may call.
  let access: String?
  let roles: [String]
  let request: Message
  let response: Message
  let refusals: [Refusal]
  let messageBytes: String

  /// Reads a line.
  ///
  /// - Throws: `Malformed`, `JSONError`.
  public init(line: [UInt8]) throws {
    guard case .object(let object) = try JSONValue(parsing: line),
      let function = object["function"]?.string, let path = object["path"]?.string,
      let request = Message(object["request"]), let response = Message(object["response"]),
      case .object(let limits)? = object["limits"],
      case .number(let messageBytes)? = limits["message_bytes"]
    else { throw Malformed(message: "this is no description of a function") }
    self.function = function
    self.path = path
    self.request = request
    self.response = response
    self.messageBytes = messageBytes
    summary = object["summary"]?.string ?? ""
    methods = object["methods"].texts
    creates = object["creates"]?.string != nil
    maybePending = object["maybe_pending"] == .bool(true)
    readsBody = object["reads_body"] != .bool(false)
    rpc = object["rpc"]?.string
    access = object["access"]?.string
    roles = object["access"].texts
    refusals = object["problems"].objects.compactMap { problem in
      guard let code = problem["code"]?.string, let meaning = problem["meaning"]?.string,
        let status = problem["http_status"]?.integer
      else { return nil }
      return Refusal(code: code, meaning: meaning, status: Int(status))
    }
  }
}

extension FunctionDescription.Message {
  fileprivate init?(_ json: JSONValue?) {
    guard case .object(let object)? = json, let type = object["type"]?.string else { return nil }
    self.init(
      type: type,
      rules: object["fields"].objects,
      alternatives: object["alternatives"].texts,
      inner: object["inner"].objects.compactMap { Self(.object($0)) }
    )
  }
}

extension JSONValue? {
  /// The texts of an array.
  var texts: [String] {
    guard case .array(let elements)? = self else { return [] }
    return elements.compactMap(\.string)
  }

  /// The objects of an array.
  var objects: [JSONObject] {
    guard case .array(let elements)? = self else { return [] }
    return elements.compactMap { if case .object(let object) = $0 { object } else { nil } }
  }
}
