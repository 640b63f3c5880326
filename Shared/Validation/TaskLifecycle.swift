public import API

extension TaskStatus {
  /// Whether there is still something to do.
  public var isOpen: Bool { self == .pending || self == .inProgress }

  /// The statuses from which a task may become this one, itself included.
  public var reachableFrom: [TaskStatus] {
    TaskStatus.allCases.filter { $0.next.contains(self) }
  }

  /// What a task of this status may become, itself included.
  public var next: [TaskStatus] {
    switch self {
    case .pending: [.pending, .inProgress, .completed, .cancelled]
    case .inProgress: [.pending, .inProgress, .completed, .cancelled]
    case .completed: [.inProgress, .completed]
    case .cancelled: [.pending, .cancelled]
    case .unspecified, .UNRECOGNIZED: []
    }
  }
}
