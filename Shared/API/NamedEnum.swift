/// An enumeration of the contract, by the names it has there.
public protocol NamedEnum: CaseIterable, Equatable, Sendable {
  /// The name in the `.proto` file, e.g. `IN_PROGRESS`. Empty for the unspecified value.
  var name: String { get }

  /// The value of that name; the unspecified one has none.
  init?(name: String)
}

extension NamedEnum {
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

  /// The value of the contract's name.
  public init?(name: String) {
    switch name {
    case "USER": self = .user
    case "ADMIN": self = .admin
    case "SERVICE": self = .service
    default: return nil
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

  /// The value of the contract's name.
  public init?(name: String) {
    switch name {
    case "PENDING": self = .pending
    case "IN_PROGRESS": self = .inProgress
    case "COMPLETED": self = .completed
    case "CANCELLED": self = .cancelled
    default: return nil
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

  /// The value of the contract's name.
  public init?(name: String) {
    switch name {
    case "LOW": self = .low
    case "MEDIUM": self = .medium
    case "HIGH": self = .high
    case "URGENT": self = .urgent
    default: return nil
    }
  }
}

extension NotificationType: NamedEnum {
  /// The contract's name.
  public var name: String {
    switch self {
    case .email: "EMAIL"
    case .push: "PUSH"
    case .unspecified, .UNRECOGNIZED: ""
    }
  }

  /// The value of the contract's name.
  public init?(name: String) {
    switch name {
    case "EMAIL": self = .email
    case "PUSH": self = .push
    default: return nil
    }
  }
}
