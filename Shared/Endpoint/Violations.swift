/// The faults of a request, collected so that one answer names every wrong field.
public struct Violations {
  /// The reasons by field.
  public private(set) var reasons: [String: String] = [:]

  /// No faults yet.
  public init() {}

  /// Whether there are no faults.
  public var isEmpty: Bool { reasons.isEmpty }

  /// Records a fault of a field; the first reason is kept.
  public mutating func add(_ field: String, _ reason: String) {
    if reasons[field] == nil { reasons[field] = reason }
  }

  /// Fails if there are any faults.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` with all fields in its details.
  public func check() throws {
    guard isEmpty else { throw problem }
  }

  /// The problem `INVALID_ARGUMENT` with all fields in its details.
  public var problem: Problem {
    let fields = reasons.keys.sorted()
    let message =
      fields.count == 1
      ? "\(fields[0]) \(reasons[fields[0]] ?? "is invalid")"
      : "\(fields.count) fields are invalid: \(fields.prefix(20).joined(separator: ", "))"
    return Problem(.invalidArgument, message, details: reasons)
  }
}
