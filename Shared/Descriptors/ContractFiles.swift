import FoundationEssentials
import SwiftProtobuf

/// The `.proto` files of the contract that an executable was built with, as reflection hands them out.
/// Source: `google/protobuf/descriptor.proto`.
public struct ContractFiles: Sendable {
  /// A `.proto` file.
  public struct File: Sendable {
    /// Its path, as imports name it.
    public let name: String
    /// The encoded `FileDescriptorProto`.
    public let descriptor: [UInt8]
    /// The full names of everything that it defines.
    fileprivate let symbols: Set<String>
    fileprivate let imports: [String]
  }

  /// The encoded `google.protobuf.FileDescriptorSet`.
  public static var encoded: [UInt8] {
    Array(Data(base64Encoded: Descriptors.base64, options: .ignoreUnknownCharacters) ?? Data())
  }

  /// The files, each after those that it imports.
  public let files: [File]
  /// The full names of the services, in the files' order.
  public let services: [String]
  private let messages: Set<String>

  /// The files of this executable.
  public init() {
    // The built-in set is valid; were it not, there would be no files.
    let set = (try? Google_Protobuf_FileDescriptorSet(serializedBytes: Self.encoded)) ?? .init()
    var messages: Set<String> = []
    files = set.file.map { file in
      var symbols = Symbols(package: file.package)
      symbols.add(file)
      messages.formUnion(symbols.messages)
      return File(
        name: file.name,
        descriptor: (try? file.serializedBytes()) ?? [],
        symbols: symbols.all,
        imports: file.dependency
      )
    }
    services = set.file.flatMap { file in file.service.map { "\(file.package).\($0.name)" } }
    self.messages = messages
  }

  /// The services at a port: those of its package, or all for `nil`, and those that every port has.
  public func services(at port: String?) -> [String] {
    services.filter { service in
      service.hasPrefix("grpc.") || (port.map { service.hasPrefix($0 + ".") } ?? true)
    }
  }

  /// The file of that name.
  public func file(named name: String) -> File? { files.first { $0.name == name } }

  /// The file that defines a symbol.
  public func file(defining symbol: String) -> File? {
    files.first { $0.symbols.contains(symbol) }
  }

  /// Tells whether there is a message of that full name.
  public func hasMessage(_ name: String) -> Bool { messages.contains(name) }

  /// The file of that name and all that it imports, directly or indirectly, each once.
  public func files(neededBy name: String) -> [File] {
    var needed: Set<String> = [name]
    for file in files.reversed() where needed.contains(file.name) { needed.formUnion(file.imports) }
    return files.filter { needed.contains($0.name) }
  }
}

/// The full names that a file defines.
private struct Symbols {
  private(set) var all: Set<String> = []
  private(set) var messages: Set<String> = []
  private let package: String

  init(package: String) { self.package = package }

  mutating func add(_ file: Google_Protobuf_FileDescriptorProto) {
    for message in file.messageType { add(message, in: package) }
    for enumeration in file.enumType { add(enumeration, in: package) }
    for service in file.service {
      let name = "\(package).\(service.name)"
      all.insert(name)
      for method in service.method { all.insert("\(name).\(method.name)") }
    }
  }

  private mutating func add(_ message: Google_Protobuf_DescriptorProto, in scope: String) {
    let name = "\(scope).\(message.name)"
    all.insert(name)
    messages.insert(name)
    for field in message.field { all.insert("\(name).\(field.name)") }
    for nested in message.nestedType { add(nested, in: name) }
    for enumeration in message.enumType { add(enumeration, in: name) }
  }

  /// A value's scope is its enumeration's, as in C++.
  private mutating func add(_ enumeration: Google_Protobuf_EnumDescriptorProto, in scope: String) {
    all.insert("\(scope).\(enumeration.name)")
    for value in enumeration.value { all.insert("\(scope).\(value.name)") }
  }
}
