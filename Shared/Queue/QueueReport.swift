/// The results of a run over a queue.
public struct QueueReport: Equatable, Sendable {
  /// Items that are done.
  public var completed = 0
  /// Items that came to nothing and will be tried again.
  public var postponed = 0
  /// Items that will never be done.
  public var discarded = 0
  /// Items that were claimed and released, because their turn did not come.
  public var released = 0
  /// Why not everything was done; `nil` when it was.
  public var failure: String?

  /// An empty report.
  public init() {}

  /// Both reports together. The first failure counts.
  public static func + (left: QueueReport, right: QueueReport) -> QueueReport {
    var sum = QueueReport()
    sum.completed = left.completed + right.completed
    sum.postponed = left.postponed + right.postponed
    sum.discarded = left.discarded + right.discarded
    sum.released = left.released + right.released
    sum.failure = left.failure ?? right.failure
    return sum
  }

  mutating func add(_ outcome: QueueOutcome, isFailure: Bool) {
    switch outcome {
    case .completed: completed += 1
    case .resume: break
    case .retry(let reason, _, _):
      postponed += 1
      if isFailure { failure = failure ?? reason }
    case .discarded(let reason):
      discarded += 1
      if isFailure { failure = failure ?? reason }
    }
  }
}
