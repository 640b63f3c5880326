import Values

/// A process's memory of a database that is away, so that it asks seldom and never waits long.
///
/// Each process waits at most 40 ms in about a second, so some process of a pool is always free.
public struct Outage {
  private static let usualMilliseconds = 700
  private static let probeMilliseconds = 40
  private static let pauseMilliseconds = 500...1000

  private var isOn = false
  private var nextProbe = Deadline(millisecondsFromNow: 0)

  /// No outage.
  public init() {}

  /// How long the next question may wait for its answer; `nil` when it should not be asked now.
  public var millisecondsToWait: Int? {
    if !isOn { return Self.usualMilliseconds }
    return nextProbe.hasPassed ? Self.probeMilliseconds : nil
  }

  /// Notes that the database did not answer. Processes that notice it together probe apart.
  public mutating func noticed() {
    var random = SystemRandomNumberGenerator()
    noticed(random: &random)
  }

  mutating func noticed(random: inout some RandomNumberGenerator) {
    isOn = true
    let pause = Int.random(in: Self.pauseMilliseconds, using: &random)
    nextProbe = Deadline(millisecondsFromNow: pause)
  }

  /// Notes that the database answered.
  public mutating func ended() { isOn = false }
}
