import PostgreSQL
import Values

/// What a process remembers of a database that is away, so that it asks seldom and never waits long.
///
/// With each process waiting at most 40 ms in about a second, some process of a pool is always free.
struct Outage {
  private static let usualMilliseconds = 700
  private static let probeMilliseconds = 40

  private var isOn = false
  private var nextProbe = Deadline(millisecondsFromNow: 0)

  /// How long the next question may wait for its answer; `nil` when it should not be asked now.
  var millisecondsToWait: Int? {
    if !isOn { return Self.usualMilliseconds }
    return nextProbe.millisecondsLeft == 0 ? Self.probeMilliseconds : nil
  }

  /// The database did not answer. Processes that notice together probe apart.
  mutating func noticed() {
    isOn = true
    nextProbe = Deadline(millisecondsFromNow: Int.random(in: 500...1000))
  }

  /// The database answered.
  mutating func ended() { isOn = false }
}
