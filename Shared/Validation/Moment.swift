import API
import Endpoint
import Values

extension Instant {
  /// The instant of a timestamp that a client sent.
  init?(_ timestamp: Timestamp, of field: String, violations: inout Violations) {
    guard timestamp.isValid else {
      violations.add(
        field,
        timestamp.hasValidNanos
          ? "is outside the years 1 to 9999"
          : "has nanos of \(timestamp.nanos), which must be from 0 to 999999999"
      )
      return nil
    }
    self = timestamp.instant
  }
}
