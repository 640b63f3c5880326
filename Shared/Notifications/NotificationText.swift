import Stores
import Validation
import Values

/// The text of a notification as it is sent: plain, and the same as HTML.
struct NotificationText {
  let plain: String

  init(of attempt: NotificationStore.Attempt, at now: Instant) {
    plain =
      attempt.dueDate.map { Wording.countdown(to: $0, at: now, before: attempt.body) }
      ?? attempt.body
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
