public import Contract
import Foundation

/// A function's description as one line of JSON, as its executable prints it (`--describe`).
public enum FunctionLine {
  /// The line, with its names in alphabetical order.
  ///
  /// - Throws: never for a description.
  public static func encode(_ function: FunctionDescription) throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(function), as: UTF8.self)
  }

  /// The description in a line.
  ///
  /// - Throws: `ContractError` for a line that has none. Whether it fits together with others, `Registry.with` checks.
  public static func decode(_ line: String) throws -> FunctionDescription {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return try decoder.decode(FunctionDescription.self, from: Data(line.utf8))
    } catch {
      throw ContractError("this describes no function: \(line.prefix(60))")
    }
  }
}
