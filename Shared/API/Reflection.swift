private import FoundationEssentials

extension Grpc_Reflection_V1_FileDescriptorResponse {
  /// A response with encoded `FileDescriptorProto` messages.
  public init(files: [[UInt8]]) {
    self.init()
    fileDescriptorProto = files.map { Data($0) }
  }

  /// The files' descriptors in base64.
  public var base64Files: [String] { fileDescriptorProto.map { $0.base64EncodedString() } }
}
