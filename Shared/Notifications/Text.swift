import Stores
import Validation
import Values

/// What a mail says: plain, and the same as HTML.
struct Text {
  let plain: String

  /// A reminder begins with how far away the due date is at the moment when it is sent, however late that is.
  init(of attempt: NotificationStore.Attempt, at now: Instant) {
    plain =
      attempt.dueDate.map {
        Remaining.sentence(until: $0, at: now) + "\n\n" + attempt.body
      } ?? attempt.body
  }

  var html: String {
    var escaped = ""
    escaped.reserveCapacity(plain.utf8.count + 128)
    for character in plain.unicodeScalars {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      default: escaped.unicodeScalars.append(character)
      }
    }
    return """
      <!DOCTYPE html><html><body><div style="white-space: pre-wrap; font-family: sans-serif">\
      \(escaped)</div></body></html>
      """
  }
}
