import Values

/// The contract as data: the `.proto` files that this executable was built with, read from their
/// descriptors. Source: `google/protobuf/descriptor.proto`.
public struct Contract: Sendable {
  /// A `.proto` file.
  public struct File: Sendable {
    /// Its path, as imports name it.
    public let name: String
    /// The files that it imports.
    public let imports: [String]
    /// The encoded `FileDescriptorProto`.
    public let descriptor: [UInt8]
    /// The full names of everything that it defines.
    public let symbols: Set<String>
  }

  /// A message.
  public struct Message: Sendable {
    /// What the comment above it says.
    public let comment: String
    /// Its fields, in the file's order.
    public let fields: [Field]
  }

  /// A field of a message.
  public struct Field: Sendable {
    /// What it holds.
    public enum Kind: Equatable, Sendable {
      case string, bool, int32, int64
      /// The full name of a message.
      case message(String)
      /// The full name of an enumeration.
      case enumeration(String)
      /// Something that the REST API does not know.
      case other
    }

    /// Its name, in JSON too.
    public let name: String
    /// What the comment behind it says.
    public let comment: String
    /// What it holds.
    public let kind: Kind
    /// Whether there are any number of it.
    public let isRepeated: Bool
    /// Whether it is told from its default when it is not set.
    public let isOptional: Bool
  }

  /// A method of a service.
  public struct Method: Sendable {
    /// `package.Service/Method`.
    public let name: String
    /// What the comment above it says.
    public let comment: String
    /// The full name of the message that it takes.
    public let request: String
    /// The full name of the message that it gives back.
    public let response: String
  }

  /// The files, each behind those that it imports.
  public private(set) var files: [File] = []
  /// The messages by their full names.
  public private(set) var messages: [String: Message] = [:]
  /// The names of an enumeration's values by its full name, the first one being the default.
  public private(set) var enumerations: [String: [String]] = [:]
  /// The full names of the services, in the files' order.
  public private(set) var services: [String] = []
  /// What the comment above a service says, by its full name.
  public private(set) var serviceComments: [String: String] = [:]
  /// The methods by `package.Service/Method`.
  public private(set) var methods: [String: Method] = [:]

  /// The contract of this executable.
  public init() {
    let text = Descriptors.base64.utf8.filter { $0 != UInt8(ascii: "\n") }
    let set = ProtobufMessage(ArraySlice(Base64URL.decode(text) ?? []))
    for descriptor in set.bytes(1) { add(descriptor) }
  }

  /// The services of a port: those of its package, or all for `nil`, and those that every port has.
  public func services(at port: String?) -> [String] {
    services.filter { service in
      service.hasPrefix("grpc.") || (port.map { service.hasPrefix($0 + ".") } ?? true)
    }
  }

  /// The file of that name and all that it imports, imports of imports included, each once.
  public func files(neededBy name: String) -> [File] {
    var needed: Set<String> = [name]
    for file in files.reversed() where needed.contains(file.name) { needed.formUnion(file.imports) }
    return files.filter { needed.contains($0.name) }
  }

  private mutating func add(_ descriptor: ArraySlice<UInt8>) {
    let file = ProtobufMessage(descriptor)
    let package = file.text(2)
    let comments = Comments(file.message(9))
    var symbols: Set<String> = []
    for (index, message) in file.messages(4).enumerated() {
      add(message, in: package, [4, index], comments, &symbols)
    }
    for enumeration in file.messages(5) { add(enumeration: enumeration, in: package, &symbols) }
    for (index, service) in file.messages(6).enumerated() {
      let name = "\(package).\(service.text(1))"
      symbols.insert(name)
      services.append(name)
      serviceComments[name] = comments[[6, index]]
      for (number, method) in service.messages(2).enumerated() {
        symbols.insert("\(name).\(method.text(1))")
        methods["\(name)/\(method.text(1))"] = Method(
          name: "\(name)/\(method.text(1))",
          comment: comments[[6, index, 2, number]],
          request: String(method.text(2).dropFirst()),
          response: String(method.text(3).dropFirst())
        )
      }
    }
    files.append(
      File(
        name: file.text(1),
        imports: file.texts(3),
        descriptor: Array(descriptor),
        symbols: symbols
      )
    )
  }

  private mutating func add(
    _ message: ProtobufMessage,
    in scope: String,
    _ path: [Int],
    _ comments: Comments,
    _ symbols: inout Set<String>
  ) {
    let name = "\(scope).\(message.text(1))"
    symbols.insert(name)
    let fields = message.messages(2).enumerated().map { index, field in
      symbols.insert("\(name).\(field.text(1))")
      return Field(
        name: field.text(1),
        comment: comments[path + [2, index]],
        kind: Self.kind(field),
        isRepeated: field.number(4) == 3,
        isOptional: field.number(17) == 1
      )
    }
    messages[name] = Message(comment: comments[path], fields: fields)
    for (index, nested) in message.messages(3).enumerated() {
      add(nested, in: name, path + [3, index], comments, &symbols)
    }
    for enumeration in message.messages(4) { add(enumeration: enumeration, in: name, &symbols) }
  }

  private mutating func add(
    enumeration: ProtobufMessage,
    in scope: String,
    _ symbols: inout Set<String>
  ) {
    let name = "\(scope).\(enumeration.text(1))"
    symbols.insert(name)
    enumerations[name] = enumeration.messages(2).map { $0.text(1) }
    // A value's scope is its enumeration's, as in C++.
    for value in enumeration.messages(2) { symbols.insert("\(scope).\(value.text(1))") }
  }

  private static func kind(_ field: ProtobufMessage) -> Field.Kind {
    let typeName = String(field.text(6).dropFirst())
    return switch field.number(5) {
    case 3: .int64
    case 5: .int32
    case 8: .bool
    case 9: .string
    case 11: .message(typeName)
    case 14: .enumeration(typeName)
    default: .other
    }
  }
}

/// The comments of a file by the path of what they are about. Source: `SourceCodeInfo`.
private struct Comments {
  private var texts: [[Int]: String] = [:]

  init(_ info: ProtobufMessage) {
    for location in info.messages(1) {
      let comment = location.text(3) + location.text(4)
      guard !comment.isEmpty else { continue }
      texts[location.numbers(1)] = comment.split { $0 == "\n" || $0 == " " }.joined(separator: " ")
    }
  }

  subscript(path: [Int]) -> String { texts[path] ?? "" }
}
