import Contract
import Foundation

/// Package.swift, as `swift package dump-package` prints it.
public struct Manifest {
  /// The modules that an executable may use beyond what every function has, by the executable's name.
  public let uses: [String: [String]]

  private struct Package: Decodable {
    struct Product: Decodable {
      let name: String
      let targets: [String]
    }
    struct Target: Decodable {
      struct Dependency: Decodable { let byName: [String?]? }
      let name: String
      let type: String
      let path: String?
      let dependencies: [Dependency]
    }
    let products: [Product]
    let targets: [Target]
  }

  /// Reads it.
  ///
  /// - Throws: `ContractError`.
  public init(json: [UInt8]) throws {
    let package: Package
    do {
      package = try JSONDecoder().decode(Package.self, from: Data(json))
    } catch {
      throw ContractError("this is not what `swift package dump-package` prints: \(error)")
    }
    let executables = package.targets.filter { $0.type == "executable" }
    func modules(_ target: Package.Target) -> [String] {
      target.dependencies.compactMap { $0.byName?.first ?? nil }
    }
    // Every function has the modules that all targets with Serving have in common.
    let functions = executables.filter { modules($0).contains("Serving") }
    let common = functions.dropFirst().reduce(Set(functions.first.map(modules) ?? [])) {
      $0.intersection(modules($1))
    }
    var uses: [String: [String]] = [:]
    for product in package.products {
      guard let target = executables.first(where: { product.targets.contains($0.name) }) else {
        continue
      }
      uses[product.name] = modules(target).filter { !common.contains($0) }
    }
    self.uses = uses
  }
}
