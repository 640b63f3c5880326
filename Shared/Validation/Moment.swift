import API
import Endpoint
import Values

extension Instant {
  /// The instant of a timestamp that a client sent.
  init?(_ timestamp: Timestamp, of field: String, violations: inout Violations) {
    guard timestamp.isValid else {
      violations.add(field, "is outside the years 1 to 9999")
      return nil
    }
    self = timestamp.instant
  }
}
