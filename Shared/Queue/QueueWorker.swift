public import Runtime

/// Works through a queue, batch by batch.
public struct QueueWorker<Consumer: QueueConsumer> {
  /// How often an empty queue, or a database that is away, is asked again.
  private static var idleMicroseconds: UInt32 { 1_000_000 }

  private let consumer: Consumer
  private let monotonicMicroseconds: () -> Int64

  /// A worker for a queue. The clock is the one that the lease is measured by.
  public init(
    _ consumer: Consumer,
    monotonicMicroseconds: @escaping () -> Int64 = Clock.monotonicMicroseconds
  ) {
    self.consumer = consumer
    self.monotonicMicroseconds = monotonicMicroseconds
  }

  /// Processes what is due and, unless it `drains`, what becomes due, until `isOver` says so.
  ///
  /// A database that fails ends a drain. Otherwise the worker waits for it. Either way the report says so.
  public func run(
    drains: Bool,
    isOver: () -> Bool,
    sleep: (_ microseconds: UInt32) -> Void
  ) -> QueueReport {
    var report = QueueReport()
    while !isOver() {
      do {
        if try processBatch(isOver: isOver, &report) { continue }
      } catch {
        report.failure = Diagnostics.reason(of: error)
      }
      if drains { break }
      sleep(Self.idleMicroseconds)
    }
    return report
  }

  /// Processes a batch.
  ///
  /// - Returns: whether the next batch is to follow at once.
  private func processBatch(isOver: () -> Bool, _ report: inout QueueReport) throws -> Bool {
    let lease = consumer.lease
    try consumer.releaseOrphans()
    // The lease begins before the claim, so that it never ends later than the database has it.
    let lastBegin = monotonicMicroseconds() + Int64(lease.beginMilliseconds) * 1000
    var rest = try consumer.claim(consumer.batchSize, for: lease)[...]
    guard !rest.isEmpty else { return false }
    var hasOnlyRetries = true
    while consumer.canContinue, !isOver(), monotonicMicroseconds() < lastBegin,
      var item = rest.popFirst()
    {
      try consumer.confirm(item)
      let outcome = try consumer.process(&item)
      try consumer.record(outcome, of: item)
      report.add(outcome, isFailure: consumer.isFailure(outcome))
      if case .retry = outcome {} else { hasOnlyRetries = false }
    }
    try consumer.endBatch(releasing: Array(rest))
    report.released += rest.count
    if !rest.isEmpty { hasOnlyRetries = false }
    return !(consumer.pausesAfterRetries && hasOnlyRetries)
  }
}
