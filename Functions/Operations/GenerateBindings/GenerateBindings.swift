import Contract
import Foundation
import Generation
import JSON
import OpenAPI

/// `generate-bindings`: generates everything that is derived from the contract; scripts/generate runs it.
///
/// From the `.proto` files (an encoded descriptor set) it generates everything: Swift code, nginx's tables, the API's
/// description, the tables of functions. With `--described`, it reads the functions from the descriptions of installed
/// executables instead (the output of `--describe`, a line each, on standard input), and generates only files that need
/// no compiler: so a host can be set up to run them without their sources.
@main
struct GenerateBindings {
  private static let usage = """
    generate-bindings: generates everything that is derived from the contract

    Usage: generate-bindings SET MANIFEST DIRECTORY
             SET        the contract: an encoded google.protobuf.FileDescriptorSet with source information
             MANIFEST   the output of `swift package dump-package`, for the modules that each function uses
             DIRECTORY  the repository's root, or the folder for a copy of the files
           generate-bindings --described SET DIRECTORY
             reads the functions from standard input: for each, the line that `create-task --describe` prints

    """

  static func main() {
    do {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      FileHandle.standardError.write(Data("generate-bindings: \(error)\n".utf8))
      exit(1)
    }
  }

  private static func run(_ arguments: [String]) throws {
    switch (arguments.count, arguments.first) {
    case (3, "--described"):
      let reader = try RegistryReader(descriptorSet: bytes(arguments[1]))
      var functions: [FunctionDescription] = []
      while let line = readLine() { functions.append(try FunctionLine.decode(line)) }
      try write(operating(try reader.registry().with(functions)), to: arguments[2])
    case (3, let first?) where !first.hasPrefix("-"):
      let set = try bytes(first)
      let reader = try RegistryReader(descriptorSet: set)
      let registry = try reader.registry()
      let uses = try Manifest(json: bytes(arguments[1])).uses
      let missing = registry.functions.filter { uses[$0.function] == nil }.map(\.function)
      guard missing.isEmpty else {
        throw ContractError("Package.swift has no function \(missing.joined(separator: ", "))")
      }
      let table = FunctionTable(registry, uses: uses)
      let page = "Functions/README.md"
      let text = String(decoding: try bytes("\(arguments[2])/\(page)"), as: UTF8.self)
      var files = try SwiftBindings(reader, registry: registry).files() + operating(registry)
      files += [table.list, try table.inserted(into: text, path: page)]
      files += try DescriptorFiles(set: set).files
      try write(files, to: arguments[2])
    default: print(usage)
    }
  }

  /// The files that an operator's host needs.
  private static func operating(_ registry: Registry) throws -> [GeneratedFile] {
    var json = JSONWriter(capacity: 65_536)
    json.value(Document(registry).json)
    return try GatewayTables(registry).files() + [
      GeneratedFile(
        path: "Shared/API/openapi.json",
        text: String(decoding: json.bytes, as: UTF8.self) + "\n"
      )
    ]
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ContractError("\(path) cannot be read")
    }
    return Array(data)
  }

  private static func write(_ files: [GeneratedFile], to directory: String) throws {
    for file in files {
      let path = "\(directory)/\(file.path)"
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent,
        withIntermediateDirectories: true
      )
      try Data(file.bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
  }
}
