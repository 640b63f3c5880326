/// An enumeration of the contract, by the names it has there.
public protocol NamedEnum: CaseIterable, Equatable, Sendable {
  /// The name in the `.proto` file, e.g. `IN_PROGRESS`. Empty for the unspecified value.
  var name: String { get }

  /// The value of that name; the unspecified one has none.
  init?(name: String)
}

extension NamedEnum {
  /// The names that can be given, in the contract's order.
  public static var names: [String] { allCases.map(\.name).filter { !$0.isEmpty } }
}
