/// All functions of the system, as the contract or the executables describe them.
public struct Registry: Equatable, Sendable {
  /// The functions, in the contract's order.
  public var functions: [FunctionDescription]
  /// Codes that nginx gives to any request whatsoever.
  public var gatewayAnswers: [Answer]
  /// Every code, in the contract's order.
  public var answers: [Answer]
  /// The comments above the gRPC services, by the heading of their endpoints.
  public var titles: [Title]

  /// A group of endpoints.
  public struct Title: Equatable, Sendable {
    /// The heading.
    public var name: String
    /// One sentence.
    public var comment: String
  }

  /// A registry.
  public init(
    functions: [FunctionDescription],
    gatewayAnswers: [Answer],
    answers: [Answer],
    titles: [Title]
  ) {
    self.functions = functions
    self.gatewayAnswers = gatewayAnswers
    self.answers = answers
    self.titles = titles
  }

  /// The same with other functions, in the order of this one where it knows them: how installed executables, which
  /// describe themselves, become a registry.
  ///
  /// - Throws: `ContractError` when they do not go together.
  public func with(_ described: [FunctionDescription]) throws -> Registry {
    var registry = self
    let order = functions.map(\.function)
    func place(_ name: String) -> Int { order.firstIndex(of: name) ?? order.count }
    registry.functions = described.sorted {
      (place($0.function), $0.function) < (place($1.function), $1.function)
    }
    try registry.check()
    return registry
  }

  /// The message of that full name, wherever a function has it.
  public func message(_ type: String) -> MessageDescription? {
    for function in functions {
      if let message = function.messages.first(where: { $0.type == type }) { return message }
    }
    return nil
  }
}
