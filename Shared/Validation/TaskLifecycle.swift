public import API

extension TaskStatus {
  /// Whether the task is still to be done.
  public var isOpen: Bool { self == .pending || self == .inProgress }

  /// The statuses from which a task may change to this one, itself included.
  public var reachableFrom: [TaskStatus] {
    TaskStatus.allCases.filter { $0.next.contains(self) }
  }

  /// The statuses that a task of this status may change to, itself included.
  public var next: [TaskStatus] {
    switch self {
    case .pending: [.pending, .inProgress, .completed, .cancelled]
    case .inProgress: [.pending, .inProgress, .completed, .cancelled]
    case .completed: [.pending, .inProgress, .completed]
    case .cancelled: [.pending, .inProgress, .cancelled]
    case .unspecified, .UNRECOGNIZED: []
    }
  }
}
