import API
import Values

/// The times before a task's due date at which its owner is reminded.
public struct LeadTimes: Equatable, Sendable {
  /// A text is not a list of lead times.
  public struct Malformed: Error {
    /// One sentence.
    public let message: String
  }

  /// Minutes, each once, the longest first.
  public let minutes: [Int]

  /// One day and one hour before.
  public static let usual = LeadTimes(sorted: [1440, 60])

  private init(sorted: [Int]) { minutes = sorted }

  /// Reads a list such as `24h,1h`: numbers of days (`d`), hours (`h`) or minutes (`m`), up to four weeks. An
  /// empty text stands for no lead times.
  ///
  /// - Throws: `Malformed`.
  public init(_ text: String) throws {
    var found: Set<Int> = []
    if text.isEmpty {
      minutes = []
      return
    }
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let item = part.trimmingSpaces
      let factor = ["m": 1, "h": 60, "d": 1440][String(item.suffix(1))]
      guard let factor, let count = Int(item.dropLast()), item.first != "+", item.first != "-",
        (0...Bounds.Reminders.minutes.upperBound).contains(count),
        Bounds.Reminders.minutes.contains(count * factor)
      else {
        throw Malformed(
          message: "'\(item)' is not a time before the due date such as 24h, 30m or 2d, at most 28d"
        )
      }
      found.insert(count * factor)
    }
    guard found.count <= Bounds.Reminders.minutesCount else {
      throw Malformed(
        message: "there are more than \(Bounds.Reminders.minutesCount) times before the due date"
      )
    }
    minutes = found.sorted(by: >)
  }
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    var text = drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return text
  }
}
