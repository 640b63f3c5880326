import Contract
import Foundation
import SwiftProtobuf

/// The contract's files: for executables that answer reflection, and for clients that want them as one file.
public struct DescriptorFiles {
  /// The descriptor set as Swift code and as a binary file, without the gateway's own services and without the comments of
  /// other people's files.
  public let files: [GeneratedFile]

  /// Makes both files of a descriptor set.
  ///
  /// - Throws: swift-protobuf's error for bytes that are no descriptor set.
  public init(set bytes: [UInt8]) throws {
    var set = try RegistryReader.decode(descriptorSet: bytes)
    for index in set.file.indices {
      if ["google.", "grpc."].contains(where: set.file[index].package.hasPrefix) {
        set.file[index].clearSourceCodeInfo()
      }
      // Services that only the gateway calls are of no use to a client.
      guard set.file[index].service.contains(where: { $0.options.Contract_V1_service.internal })
      else { continue }
      set.file[index].service = []
      let places = set.file[index].sourceCodeInfo.location
      set.file[index].sourceCodeInfo.location = places.filter { $0.path.first != 6 }
    }
    let encoded: Data = try set.serializedBytes()
    let base64 = encoded.base64EncodedString(options: [
      .lineLength76Characters, .endLineWithLineFeed,
    ])
    let swift = GeneratedFile(
      path: "Shared/Descriptors/Generated/Descriptors.swift",
      text: """
        \(SwiftBindings.header)
        /// The contract's files as a `google.protobuf.FileDescriptorSet`, in base64.
        enum Descriptors {
          static let base64 = \"\"\"
        \(base64.split(separator: "\n").map { "    \($0)\n" }.joined())    \"\"\"
        }

        """
    )
    files = [swift, GeneratedFile(path: "Shared/API/contract.binpb", bytes: Array(encoded))]
  }
}
