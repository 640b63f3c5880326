public import Values

/// A store that is used by a deadline, which each call has of its own: `tasks(by: context.deadline).find(…)`.
public struct Timed<Store> {
  private let make: (_ deadline: Deadline) -> Store

  /// A store that is made of a deadline.
  public init(_ make: @escaping (_ deadline: Deadline) -> Store) { self.make = make }

  /// The store for statements that nobody waits for after a deadline.
  public func callAsFunction(by deadline: Deadline) -> Store { make(deadline) }
}
