extension Registry {
  /// Checks what no function can check for itself, and that every name fits into the gateway's tables.
  ///
  /// - Throws: `ContractError`.
  func check() throws {
    func twice(_ names: [String]) -> String? {
      Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.min()
    }
    if let name = twice(functions.map(\.function)) {
      throw ContractError("two methods are answered by the function \(name)")
    }
    if let rpc = twice(functions.flatMap(\.rpcs)) {
      throw ContractError("\(rpc) is answered by two functions")
    }
    for function in functions { try function.check() }
    try checkNames()
    let limits = Dictionary(grouping: functions.compactMap(\.limit), by: \.name)
    for (name, limits) in limits.sorted(by: { $0.key < $1.key })
    where limits.contains(where: { $0 != limits[0] }) {
      throw ContractError("the limit \(name) is declared in two ways")
    }
  }
}

extension Registry {
  /// Checks that no two types have one name by REST, where there are no packages.
  private func checkNames() throws {
    var types: [String: String] = [:]
    for function in functions where !function.methods.isEmpty {
      let messages = function.messages.map { message in
        (message.type, name: message.type.split(separator: ".").last.map(String.init) ?? "")
      }
      for (type, name) in messages + function.enumerations.map({ ($0.type, $0.name) }) {
        if let other = types.updateValue(type, forKey: name), other != type {
          throw ContractError("\(other) and \(type) have the same name by REST: \(name)")
        }
      }
    }
  }
}

extension FunctionDescription {
  /// The gRPC method and its older name.
  public var rpcs: [String] { [rpc, rpcAlias].compactMap { $0 } }

  /// Checks that every name fits into the gateway's tables, where it is part of a quoted regular expression.
  ///
  /// - Throws: `ContractError`.
  func check() throws {
    func check(_ text: String, _ kind: String, _ isValid: (String) -> Bool) throws {
      guard isValid(text) else { throw ContractError("\(function): '\(text)' is no \(kind)") }
    }
    try check(function, "name of a function", Self.isKebab)
    try check(service, "name of a service", Self.isKebab)
    for rpc in rpcs {
      try check(rpc, "gRPC method") {
        let parts = $0.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2
          && parts[0].split(separator: ".", omittingEmptySubsequences: false)
            .allSatisfy(Self.isIdentifier)
          && Self.isIdentifier(parts[1])
      }
    }
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    for method in methods { try check(method, "HTTP method", known.contains) }
    guard methods.isEmpty == path.isEmpty else {
      throw ContractError("\(function): a path needs methods, and methods need a path")
    }
    try check(path, "path") { path in
      path.isEmpty
        || path.hasPrefix("/")
          && path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            .allSatisfy(Self.isSegment)
    }
    if let limit { try check(limit.name, "name of a limit", Self.isKebab) }
    guard messages.first?.type == request, messages.contains(where: { $0.type == response }) else {
      throw ContractError("\(function) does not describe its messages")
    }
  }

  private static func isKebab(_ text: String) -> Bool {
    text.first?.isLetter == true && !text.hasSuffix("-") && !text.contains("--")
      && text.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
      }
  }

  private static func isIdentifier(_ text: some StringProtocol) -> Bool {
    text.first?.isNumber == false
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
  }

  /// Whether a segment is `{name}`, or a word that stands in a URL as it is. Source: RFC 3986 §2.3.
  private static func isSegment(_ text: Substring) -> Bool {
    if text.hasPrefix("{"), text.hasSuffix("}") { return isIdentifier(text.dropFirst().dropLast()) }
    return !text.isEmpty
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._~".contains($0)) }
  }
}
