public import Values

/// A store whose every call has its own deadline: `tasks(by: context.deadline).find(…)`.
public struct Timed<Store> {
  private let make: (_ deadline: Deadline) -> Store

  /// A store that is made for a deadline.
  public init(_ make: @escaping (_ deadline: Deadline) -> Store) { self.make = make }

  /// The store for statements that end by a deadline.
  public func callAsFunction(by deadline: Deadline) -> Store { make(deadline) }
}
