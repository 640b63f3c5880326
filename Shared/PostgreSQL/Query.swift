/// A statement with the values for one call.
public struct Query: Sendable {
  /// A parameter's value; `nil` leaves out the optional parts that name it, which `SQLValue.null` does not.
  ///
  /// Without labels, so that the elements of a literal are taken over as they are.
  typealias Argument = (StaticString, SQLValue?)

  /// Values by the names of the parameters, fastest in the order in which these first occur.
  public struct Arguments: ExpressibleByDictionaryLiteral, Sendable {
    fileprivate let elements: [Argument]

    /// Values by name; `nil` leaves out the optional parts that name the parameter, which `SQLValue.null` does not.
    public init(dictionaryLiteral elements: (StaticString, SQLValue?)...) {
      self.elements = elements
    }

    private init(_ elements: [Argument]) { self.elements = elements }

    /// These and one more.
    public func adding(_ name: StaticString, _ value: SQLValue?) -> Arguments {
      Arguments(elements + [(name, value)])
    }
  }

  let statement: Statement
  private let arguments: [Argument]

  /// A statement with its values. Whether they fit its parameters is checked when it is run.
  public init(_ statement: Statement, _ arguments: Arguments = [:]) {
    self.init(statement, arguments.elements)
  }

  init(_ statement: Statement, _ arguments: [Argument]) {
    self.statement = statement
    self.arguments = arguments
  }

  /// The variant of the statement that the values select, and the values by parameter.
  ///
  /// - Throws: `DatabaseError` `unexpectedValue` for a name that the statement does not have.
  func resolved() throws -> (variant: Statement.Variant, values: Values) {
    let (places, given) = try statement.places(of: arguments)
    return (
      Statement.Variant(statement: statement, given: given),
      Values(arguments: arguments, places: places)
    )
  }

  /// The values by the index of their parameter.
  struct Values {
    fileprivate let arguments: [Argument]
    fileprivate let places: [Int]

    /// The value of a parameter; `null` where none is given.
    subscript(index: Int) -> SQLValue {
      let place = places[index]
      return place < 0 ? .null : arguments[place].1 ?? .null
    }

    /// The number of parameters.
    var count: Int { places.count }
  }
}
