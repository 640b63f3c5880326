import Foundation
public import SwiftProtobuf
public import SwiftProtobufPluginLibrary

/// A reason why the contract, or a function's description of itself, cannot be used.
public struct ContractError: Error, CustomStringConvertible {
  /// One sentence that names the place.
  public let description: String

  /// A reason.
  public init(_ description: String) { self.description = description }
}

extension Registry {
  /// Reads the contract from an encoded `google.protobuf.FileDescriptorSet` with its source information, as `protoc
  /// --include_imports --include_source_info --descriptor_set_out` writes it.
  ///
  /// - Throws: `ContractError`, or swift-protobuf's error for bytes that are none.
  public init(descriptorSet bytes: [UInt8]) throws {
    self = try RegistryReader(descriptorSet: bytes).registry()
  }
}

/// Walks through the descriptors and their options.
public struct RegistryReader {
  /// The files.
  public let descriptors: DescriptorSet
  /// Names as swift-protobuf's generator gives them.
  public let namer = SwiftProtobufNamer()

  /// Decodes a descriptor set, the options of the contract included.
  ///
  /// - Throws: `ContractError` when a file comes before one that it imports; swift-protobuf's error for bytes that are
  ///   none.
  public init(descriptorSet bytes: [UInt8]) throws {
    let set = try Self.decode(descriptorSet: bytes)
    // swift-protobuf would end the process.
    var known: Set<String> = []
    for file in set.file {
      if let missing = file.dependency.first(where: { !known.contains($0) }) {
        throw ContractError("\(file.name) imports \(missing), which does not come before it")
      }
      known.insert(file.name)
    }
    descriptors = DescriptorSet(proto: set)
  }

  /// Decodes a descriptor set with the options of the contract.
  ///
  /// - Throws: swift-protobuf's error for bytes that are none.
  public static func decode(descriptorSet bytes: [UInt8]) throws
    -> Google_Protobuf_FileDescriptorSet
  {
    var extensions = SimpleExtensionMap()
    extensions.formUnion(Contract_V1_Options_Extensions)
    extensions.formUnion(Contract_V1_Codes_Extensions)
    extensions.formUnion(Google_Api_Annotations_Extensions)
    extensions.formUnion(Google_Api_FieldBehavior_Extensions)
    return try Google_Protobuf_FileDescriptorSet(serializedBytes: bytes, extensions: extensions)
  }

  /// The files that are ours and part of the API.
  public var files: [FileDescriptor] {
    descriptors.files.filter { file in
      !["google.", "grpc.", "contract."].contains { (file.package + ".").hasPrefix($0) }
    }
  }

  /// Everything that the contract says.
  ///
  /// - Throws: `ContractError`.
  public func registry() throws -> Registry {
    let answers = try self.answers()
    var functions: [FunctionDescription] = []
    var titles: [Registry.Title] = []
    for file in files {
      for service in file.services {
        let options = service.options.Contract_V1_service
        guard !options.name.isEmpty else {
          throw ContractError("\(service.fullName) has no option contract.v1.service")
        }
        titles.append(.init(name: options.title, comment: comment(service)))
        for method in service.methods {
          functions.append(try function(of: method, in: service, answers))
        }
      }
      for endpoint in file.options.Contract_V1_file.standardMethods {
        functions.append(try function(standard: endpoint, answers))
      }
    }
    let registry = Registry(
      functions: functions,
      gatewayAnswers: try gatewayCodes().map { try answer($0, answers) },
      answers: answers,
      titles: titles
    )
    try registry.check()
    return registry
  }

  private func comment(_ service: ServiceDescriptor) -> String {
    text(service.protoSourceComments())
  }
}

// MARK: - Functions

extension RegistryReader {
  private func function(
    of method: MethodDescriptor,
    in service: ServiceDescriptor,
    _ answers: [Answer]
  ) throws -> FunctionDescription {
    let place = "\(service.fullName)/\(method.name)"
    let serviceOptions = service.options.Contract_V1_service
    guard method.options.hasContract_V1_endpoint else {
      throw ContractError("\(place) has no option contract.v1.endpoint")
    }
    let endpoint = method.options.Contract_V1_endpoint
    let route = try self.route(method, place)
    var function = try description(
      endpoint,
      name: Self.kebab(method.name),
      place,
      request: method.inputType,
      response: method.outputType
    )
    function.service = endpoint.service.isEmpty ? serviceOptions.name : endpoint.service
    function.title = serviceOptions.title
    function.summary = text(method.protoSourceComments())
    function.methods = route.methods
    function.path = route.path
    function.readsBody = route.readsBody && !endpoint.ignoresBody
    function.rpc = serviceOptions.internal ? nil : place
    function.streams = method.clientStreaming || method.serverStreaming
    function.isInternal = route.path.hasPrefix("/internal/")
    return try checked(function, endpoint, place, answers)
  }

  private func function(
    standard endpoint: Contract_V1_Endpoint,
    _ answers: [Answer]
  ) throws -> FunctionDescription {
    let parts = endpoint.rpc.split(separator: "/").map(String.init)
    guard parts.count == 2,
      let method = descriptors.serviceDescriptor(named: parts[0])?.methods
        .first(where: { $0.name == parts[1] })
    else { throw ContractError("standard_methods: there is no method \(endpoint.rpc)") }
    var function = try description(
      endpoint,
      name: endpoint.function,
      endpoint.rpc,
      request: method.inputType,
      response: method.outputType
    )
    function.service = endpoint.service
    function.title = endpoint.service
    function.summary = endpoint.summary
    function.rpc = endpoint.rpc
    function.rpcAlias = endpoint.rpcAlias.isEmpty ? nil : endpoint.rpcAlias
    function.streams = method.clientStreaming || method.serverStreaming
    return try checked(function, endpoint, endpoint.rpc, answers)
  }

  private func description(
    _ endpoint: Contract_V1_Endpoint,
    name: String,
    _ place: String,
    request: Descriptor,
    response: Descriptor
  ) throws -> FunctionDescription {
    var messages: [MessageDescription] = []
    try collect(request, &messages)
    try collect(response, &messages)
    let enumerations = try enumerations(of: messages)
    return FunctionDescription(
      function: name,
      service: "",
      title: "",
      summary: "",
      methods: [],
      path: "",
      streams: false,
      isInternal: false,
      callers: try endpoint.callers.map { try enumName($0, place) },
      services: endpoint.services,
      who: endpoint.who,
      creates: endpoint.creates.isEmpty ? nil : endpoint.creates,
      readsBody: false,
      problems: [],
      limit: endpoint.hasLimit ? limit(endpoint.limit, of: name) : nil,
      smoke: SmokeRequest(
        json: endpoint.smoke.json,
        caller: endpoint.smoke.caller == .unspecified
          ? nil : try enumName(endpoint.smoke.caller, place),
        code: endpoint.smoke.code == .unspecified ? nil : try enumName(endpoint.smoke.code, place)
      ),
      request: request.fullName,
      response: response.fullName,
      messages: messages,
      enumerations: enumerations
    )
  }

  private func limit(_ limit: Contract_V1_Limit, of function: String) -> RateLimit {
    RateLimit(
      name: limit.name.isEmpty ? function : limit.name,
      perSecond: Int(limit.perSecond),
      burst: Int(limit.burst),
      countsCallers: limit.key == .caller,
      isAlone: limit.alone
    )
  }

  /// Adds what follows from the rest, and refuses what makes no sense.
  private func checked(
    _ function: FunctionDescription,
    _ endpoint: Contract_V1_Endpoint,
    _ place: String,
    _ answers: [Answer]
  ) throws -> FunctionDescription {
    var function = function
    let codes = try endpoint.problems.map { try enumName($0, place) } + Self.usualCodes(function)
    let known = Set(answers.map(\.code))
    if let unknown = codes.first(where: { !known.contains($0) }) {
      throw ContractError("\(place): there is no code \(unknown)")
    }
    function.problems = answers.filter { codes.contains($0.code) }
    guard !function.summary.isEmpty else {
      throw ContractError("\(place) has no comment above it, or no summary")
    }
    guard !function.callers.isEmpty else {
      throw ContractError("\(place) does not say who may call it (callers)")
    }
    guard !function.smoke.json.isEmpty else { throw ContractError("\(place) has no smoke request") }
    if function.callers == ["SERVICE"], function.services.isEmpty {
      throw ContractError("\(place) is for services, but names none")
    }
    if let limit = function.limit, limit.perSecond == 0 || limit.burst == 0 {
      throw ContractError("\(place): a limit needs per_second and burst")
    }
    if function.callers == ["ANYONE"], function.limit?.countsCallers == true {
      throw ContractError("\(place): a limit by CALLER, but tokens are not looked at")
    }
    for name in Self.pathNames(function.path) {
      guard let field = function.messages[0].field(name), field.kind == .string, field.isRequired
      else {
        throw ContractError("\(place): {\(name)} in the path is no required string of the request")
      }
    }
    return function
  }

  /// The codes that follow from a function's route and from who may call it.
  static func usualCodes(_ function: FunctionDescription) -> [String] {
    var codes = [
      "PAYLOAD_TOO_LARGE", "RATE_LIMITED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED",
    ]
    if function.rpc != nil || !function.methods.isEmpty { codes.append("INVALID_ARGUMENT") }
    if function.readsBody { codes += ["MALFORMED_JSON", "UNSUPPORTED_MEDIA_TYPE"] }
    if function.rpc != nil { codes.append("MALFORMED_MESSAGE") }
    if function.readsBody || function.rpc != nil { codes.append("UNSUPPORTED_ENCODING") }
    let tokens = ["TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED"]
    switch function.callers {
    case ["ANYONE"]: break
    case ["ANYONE_OR_SIGNED_IN"]: codes += tokens
    case ["SIGNED_IN"]: codes += tokens + ["UNAUTHENTICATED"]
    default: codes += tokens + ["UNAUTHENTICATED", "PERMISSION_DENIED"]
    }
    return codes
  }

  private struct HTTPRoute {
    var methods: [String] = []
    var path = ""
    var readsBody = false
  }

  private func route(_ method: MethodDescriptor, _ place: String) throws -> HTTPRoute {
    var route = HTTPRoute()
    guard method.options.hasGoogle_Api_http else { return route }
    let rule = method.options.Google_Api_http
    for binding in [rule] + rule.additionalBindings {
      let (name, path): (String, String)
      switch binding.pattern {
      case .get(let found): (name, path) = ("GET", found)
      case .put(let found): (name, path) = ("PUT", found)
      case .post(let found): (name, path) = ("POST", found)
      case .delete(let found): (name, path) = ("DELETE", found)
      case .patch(let found): (name, path) = ("PATCH", found)
      case .custom, nil:
        throw ContractError("\(place): google.api.http needs a method that HTTP knows")
      }
      guard route.path.isEmpty || route.path == path else {
        throw ContractError("\(place) has two paths; a function has one")
      }
      let takesBody = name != "GET" && name != "DELETE"
      guard binding.body == (takesBody ? "*" : "") else {
        throw ContractError("\(place): \(name) must have \(takesBody ? "body: \"*\"" : "no body")")
      }
      route.path = path
      route.methods.append(name)
      route.readsBody = route.readsBody || takesBody
    }
    return route
  }

  /// The names in braces of a path.
  public static func pathNames(_ path: String) -> [String] {
    path.split(separator: "/").filter { $0.hasPrefix("{") && $0.hasSuffix("}") }
      .map { String($0.dropFirst().dropLast()) }
  }

  /// `CreateTask` as `create-task`.
  public static func kebab(_ name: String) -> String {
    name.reduce(into: "") { kebab, letter in
      if letter.isUppercase, !kebab.isEmpty { kebab += "-" }
      kebab += letter.lowercased()
    }
  }
}

// MARK: - Messages

extension RegistryReader {
  private func collect(_ descriptor: Descriptor, _ messages: inout [MessageDescription]) throws {
    guard !messages.contains(where: { $0.type == descriptor.fullName }) else { return }
    let message = try message(descriptor)
    messages.append(message)
    for field in descriptor.fields where field.type == .message && !field.isMap {
      guard let type = field.messageType, !type.fullName.hasPrefix("google.protobuf.") else {
        continue
      }
      try collect(type, &messages)
    }
  }

  /// The enumerations of the messages' fields, each once.
  private func enumerations(of messages: [MessageDescription]) throws -> [EnumerationDescription] {
    var enumerations: [EnumerationDescription] = []
    for message in messages {
      for field in message.fields where !field.values.isEmpty {
        let known = enumerations.first { $0.type == field.typeName }
        guard known.map({ $0.values == field.values }) ?? true else {
          throw ContractError("\(message.type).\(field.name): \(field.typeName) has other values")
        }
        if known == nil { enumerations.append(enumeration(of: field)) }
      }
    }
    return enumerations
  }

  private func enumeration(of field: FieldDescription) -> EnumerationDescription {
    guard let descriptor = descriptors.enumDescriptor(named: field.typeName) else {
      return .init(type: field.typeName, name: field.typeName, comment: "", values: field.values)
    }
    let own = descriptor.options.Contract_V1_enumeration.swiftName
    let meanings = descriptor.values.map { (name: $0.name, text: text($0.protoSourceComments())) }
      .filter { !$0.text.isEmpty }.map { "- `\($0.name)`: \($0.text)" }
    let parts = [text(descriptor.protoSourceComments()), meanings.joined(separator: "\n")]
    return .init(
      type: descriptor.fullName,
      name: own.isEmpty ? descriptor.name : own,
      comment: parts.filter { !$0.isEmpty }.joined(separator: "\n\n"),
      values: field.values
    )
  }

  /// A message as the contract describes it.
  ///
  /// - Throws: `ContractError`.
  public func message(_ descriptor: Descriptor) throws -> MessageDescription {
    let options = descriptor.options.Contract_V1_message
    var message = MessageDescription(type: descriptor.fullName)
    message.comment = text(descriptor.protoSourceComments())
    message.fields = try descriptor.fields.map(field)
    message.exactlyOneOf = options.exactlyOneOf
    message.isList = options.list
    message.pendingUnless = options.pendingUnless.isEmpty ? nil : options.pendingUnless
    for name in options.exactlyOneOf + [message.pendingUnless].compactMap({ $0 })
    where message.field(name) == nil {
      throw ContractError("\(descriptor.fullName) has no field \(name)")
    }
    if message.isList, message.fields.count != 1 || !message.fields[0].isRepeated {
      throw ContractError("\(descriptor.fullName) is a list, so it must have one repeated field")
    }
    for field in message.fields {
      guard let condition = field.onlyIf else { continue }
      guard message.field(condition.trimmingPrefix("!").description)?.kind == .bool else {
        throw ContractError("\(descriptor.fullName).\(field.name): only_if names no boolean field")
      }
    }
    return message
  }

  private func field(_ descriptor: FieldDescriptor) throws -> FieldDescription {
    let own = descriptor.options.Contract_V1_field
    let place = "\(descriptor.containingType.fullName).\(descriptor.name)"
    let model = try own.like.isEmpty ? Contract_V1_Field() : self.model(own.like, place)
    func bounds(_ has: (Contract_V1_Field) -> Bool, _ get: (Contract_V1_Field) -> Contract_V1_Range)
      throws -> FieldDescription.Bounds?
    {
      guard let options = [own, model].first(where: has) else { return nil }
      let range = get(options)
      if range.hasMax, range.max < range.min {
        throw ContractError("\(place): max is less than min")
      }
      return .init(min: Int(range.min), max: range.hasMax ? Int(range.max) : nil)
    }
    func text(_ get: (Contract_V1_Field) -> String) -> String? {
      [own, model].map(get).first { !$0.isEmpty }
    }
    let characters = try bounds({ $0.hasCharacters }, { $0.characters })
    let bytes = try bounds({ $0.hasBytes }, { $0.bytes })
    let (kind, typeName) = kind(descriptor)
    let isRequired = descriptor.options.Google_Api_fieldBehavior.contains(.required)
    let values = own.values.isEmpty ? model.values : own.values
    let valuesName = text(\.valuesName) ?? ""
    guard values.isEmpty == valuesName.isEmpty else {
      throw ContractError("\(place): values need a name (values_name), and a name needs values")
    }
    // U+0000, which PostgreSQL's texts cannot hold.
    let isBounded = characters?.max != nil || bytes?.max != nil
    return FieldDescription(
      name: descriptor.name,
      comment: self.text(descriptor.protoSourceComments()),
      kind: kind,
      typeName: values.isEmpty ? typeName : valuesName,
      values: kind == .enumeration
        ? descriptor.enumType.values.dropFirst().map(\.name) : values,
      isRepeated: descriptor.isRepeated && !descriptor.isMap,
      hasPresence: descriptor.hasPresence,
      isRequired: isRequired,
      isNeverNull: own.neverNull || own.replacement == .required,
      characters: characters,
      bytes: bytes,
      range: try bounds({ $0.hasRange }, { $0.range }),
      maxItems: Int(own.maxItems == 0 ? model.maxItems : own.maxItems),
      pattern: text(\.pattern)
        ?? (isBounded && text(\.format) != "page-token" ? #"^[^\u0000]*$"# : nil),
      format: text(\.format) ?? (kind == .timestamp ? "date-time" : nil),
      defaultValue: own.default.isEmpty ? nil : own.default,
      example: [own, model].first(where: \.hasExample)?.example,
      isRare: own.rare,
      replacement: replacement(own.replacement),
      header: own.header.isEmpty ? nil : own.header,
      onlyIf: own.onlyIf.isEmpty ? nil : own.onlyIf
    )
  }

  private func model(_ name: String, _ place: String) throws -> Contract_V1_Field {
    let parts = name.split(separator: ".")
    let message = parts.dropLast().joined(separator: ".")
    guard
      let field = descriptors.descriptor(named: message)?.fields.first(where: {
        $0.name == parts.last ?? ""
      })
    else { throw ContractError("\(place) is like \(name), which does not exist") }
    let options = field.options.Contract_V1_field
    guard options.like.isEmpty else {
      throw ContractError(
        "\(place) is like \(name), which is itself like \(options.like): name that one"
      )
    }
    return options
  }

  private func replacement(_ option: Contract_V1_Field.Replacement)
    -> FieldDescription.Replacement
  {
    switch option {
    case .reset, .UNRECOGNIZED: .reset
    case .required: .required
    case .keep: .keep
    case .unrelated: .unrelated
    }
  }

  private func kind(_ field: FieldDescriptor) -> (FieldDescription.Kind, String) {
    switch field.type {
    case .string: return (.string, "")
    case .bool: return (.bool, "")
    case .int32: return (.int32, "")
    case .int64: return (.int64, "")
    case .enum: return (.enumeration, field.enumType.fullName)
    case .message where field.isMap: return (.map, "")
    case .message:
      let name = field.messageType.fullName
      switch name {
      case "google.protobuf.Timestamp": return (.timestamp, "")
      case "google.protobuf.FieldMask": return (.fieldMask, "")
      default: return (.message, name)
      }
    default: return (.other, "")
    }
  }

  /// The text of a comment, whose lines are joined; those of a table in Markdown stay lines of their own.
  private func text(_ comments: String) -> String {
    let lines = comments.split(separator: "\n").map { line in
      line.drop { $0 == "/" || $0 == " " }.trimmingCharacters(in: .whitespaces)
    }
    var text = ""
    var wasRow = false
    for line in lines where !line.isEmpty {
      let isRow = line.hasPrefix("|")
      if !text.isEmpty { text += isRow ? (wasRow ? "\n" : "\n\n") : (wasRow ? "\n\n" : " ") }
      text += line
      wasRow = isRow
    }
    return text
  }
}

// MARK: - Codes

extension RegistryReader {
  /// Every code, in the contract's order.
  ///
  /// - Throws: `ContractError`.
  public func answers() throws -> [Answer] {
    try codes().map { value in
      let options = value.options.Contract_V1_answer
      guard (400...599).contains(options.http), (1...16).contains(options.grpc.rawValue),
        !options.message.isEmpty
      else {
        throw ContractError("\(value.fullName) needs http, grpc and message")
      }
      guard
        options.message.utf8.allSatisfy({
          (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C && $0 != 0x24
        })
      else {
        throw ContractError(
          "\(value.fullName): its message goes into nginx's files, so no quotes, $ or \\"
        )
      }
      let first = options.message.prefix(1).uppercased() + options.message.dropFirst()
      return Answer(
        code: value.name,
        http: Int(options.http),
        grpc: options.grpc.rawValue,
        message: options.message,
        meaning: options.meaning.isEmpty ? first : options.meaning
      )
    }
  }

  private func codes() throws -> [EnumValueDescriptor] {
    guard let codes = descriptors.enumDescriptor(named: "contract.v1.Code") else {
      throw ContractError("there is no enumeration contract.v1.Code")
    }
    return Array(codes.values.dropFirst())
  }

  private func gatewayCodes() throws -> [String] {
    try codes().filter { $0.options.Contract_V1_answer.byGateway }.map(\.name)
  }

  private func answer(_ code: String, _ answers: [Answer]) throws -> Answer {
    guard let answer = answers.first(where: { $0.code == code }) else {
      throw ContractError("there is no code \(code)")
    }
    return answer
  }

  /// The name of an option's value in the `.proto` file.
  private func enumName(_ value: some SwiftProtobuf.Enum, _ place: String) throws -> String {
    let type = value is Contract_V1_Code ? "contract.v1.Code" : "contract.v1.Caller"
    guard
      let found = descriptors.enumDescriptor(named: type)?.values.first(where: {
        Int($0.number) == value.rawValue
      })
    else { throw ContractError("\(place): \(type) has no value \(value.rawValue)") }
    return found.name
  }
}
