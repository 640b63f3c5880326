import Contract
import Descriptors
import Foundation
import Generation
import SwiftProtobuf
import Testing

struct `The contract as a file for clients` {
  private func made(_ change: (inout Google_Protobuf_FileDescriptorSet) -> Void = { _ in }) throws
    -> (files: [GeneratedFile], set: Google_Protobuf_FileDescriptorSet)
  {
    var set = try RegistryReader.decode(descriptorSet: ContractFiles.encoded)
    change(&set)
    let files = try DescriptorFiles(set: set.serializedBytes()).files
    let binary = try #require(files.first { $0.path == "Shared/API/contract.binpb" })
    return (files, try RegistryReader.decode(descriptorSet: binary.bytes))
  }

  @Test func `has every file that a file of it imports, each before those that import it`() throws {
    var known: Set<String> = []
    for file in try made().set.file {
      #expect(known.isSuperset(of: file.dependency), "\(file.name)")
      known.insert(file.name)
    }
    #expect(known.contains("task/v1/task.proto"))
  }

  @Test func `is in executables as it is for clients`() throws {
    let files = try made().files
    let swift = try #require(files.first { $0.path.hasSuffix("Descriptors.swift") })
    let base64 = String(decoding: swift.bytes, as: UTF8.self).split(separator: "\"\"\"")[1]
    #expect(
      Data(base64Encoded: String(base64), options: .ignoreUnknownCharacters).map(Array.init)
        == files.first { $0.path == "Shared/API/contract.binpb" }?.bytes
    )
  }

  @Test func `has our comments, and none of other people's`() throws {
    let files = try made {
      for index in $0.file.indices {
        $0.file[index].sourceCodeInfo.location = [
          .with { ($0.path, $0.span, $0.leadingComments) = ([4, 0], [0, 0, 1], "a comment") }
        ]
      }
    }.set.file
    for file in files {
      let isOurs = !file.package.hasPrefix("google.") && !file.package.hasPrefix("grpc.")
      #expect(file.sourceCodeInfo.location.isEmpty == !isOurs, "\(file.name)")
    }
  }

  @Test func `has nothing of services that only the gateway calls, but their messages`() throws {
    let set = try made {
      for index in $0.file.indices where $0.file[index].name == "task/v1/task.proto" {
        $0.file[index].service[0].options.Contract_V1_service.internal = true
      }
    }.set
    let file = try #require(set.file.first { $0.name == "task/v1/task.proto" })
    #expect(file.service.isEmpty)
    #expect(file.messageType.contains { $0.name == "Task" })
    // A comment of a service would be one of nothing. Source: `google/protobuf/descriptor.proto`.
    #expect(!file.sourceCodeInfo.location.contains { $0.path.first == 6 })
    #expect(file.sourceCodeInfo.location.contains { $0.path.first == 4 })
    #expect(set.file.contains { !$0.service.isEmpty })
  }
}
