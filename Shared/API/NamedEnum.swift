/// An enumeration of the contract, by the names it has there.
public protocol NamedEnum: CaseIterable, Equatable, Sendable {
  /// The name in the `.proto` file, e.g. `IN_PROGRESS`. Empty for the unspecified value.
  var name: String { get }
}

extension NamedEnum {
  /// The value of that name; the unspecified one has none.
  public init?(name: String) {
    for value in Self.allCases where !name.isEmpty && value.name == name {
      self = value
      return
    }
    return nil
  }

  /// The names that can be given, in the contract's order.
  public static var names: [String] { allCases.map(\.name).filter { !$0.isEmpty } }
}

extension Role: NamedEnum {
  /// The contract's name.
  public var name: String {
    switch self {
    case .user: "USER"
    case .admin: "ADMIN"
    case .service: "SERVICE"
    case .unspecified, .UNRECOGNIZED: ""
    }
  }
}

extension TaskStatus: NamedEnum {
  /// The contract's name.
  public var name: String {
    switch self {
    case .pending: "PENDING"
    case .inProgress: "IN_PROGRESS"
    case .completed: "COMPLETED"
    case .cancelled: "CANCELLED"
    case .unspecified, .UNRECOGNIZED: ""
    }
  }
}

extension TaskPriority: NamedEnum {
  /// The contract's name.
  public var name: String {
    switch self {
    case .low: "LOW"
    case .medium: "MEDIUM"
    case .high: "HIGH"
    case .urgent: "URGENT"
    case .unspecified, .UNRECOGNIZED: ""
    }
  }
}
