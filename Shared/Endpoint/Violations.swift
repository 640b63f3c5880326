/// Collects what is wrong with a request, so that one answer names every bad field.
public struct Violations {
  /// Why, by field.
  public private(set) var reasons: [String: String] = [:]

  /// Nothing wrong yet.
  public init() {}

  /// Whether nothing is wrong.
  public var isEmpty: Bool { reasons.isEmpty }

  /// Notes what is wrong with a field; the first reason stays.
  public mutating func add(_ field: String, _ reason: String) {
    if reasons[field] == nil { reasons[field] = reason }
  }

  /// - Throws: `Problem` `INVALID_ARGUMENT` with all fields in its details, if there are any.
  public func check() throws {
    guard isEmpty else { throw problem }
  }

  /// `INVALID_ARGUMENT` with all fields in its details.
  public var problem: Problem {
    let fields = reasons.keys.sorted()
    let message =
      fields.count == 1
      ? "\(fields[0]) \(reasons[fields[0]] ?? "is invalid")"
      : "\(fields.count) fields are invalid: \(fields.prefix(20).joined(separator: ", "))"
    return Problem(.invalidArgument, message, details: reasons)
  }
}
