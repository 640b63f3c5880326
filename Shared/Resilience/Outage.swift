import Values

/// What a process remembers of a database that is away, so that it asks seldom and never waits long.
///
/// With each process waiting at most 40 ms in about a second, some process of a pool is always free.
public struct Outage {
  private static let usualMilliseconds = 700
  private static let probeMilliseconds = 40

  private var isOn = false
  private var nextProbe = Deadline(millisecondsFromNow: 0)

  /// No outage.
  public init() {}

  /// How long the next question may wait for its answer; `nil` when it should not be asked now.
  public var millisecondsToWait: Int? {
    if !isOn { return Self.usualMilliseconds }
    return nextProbe.millisecondsLeft == 0 ? Self.probeMilliseconds : nil
  }

  /// The database did not answer. Processes that notice together probe apart.
  public mutating func noticed() {
    isOn = true
    nextProbe = Deadline(millisecondsFromNow: Int.random(in: 500...1000))
  }

  /// The database answered.
  public mutating func ended() { isOn = false }
}
