import Contract
import Foundation
import SwiftProtobuf

/// A `google.rpc.Status` with an `ErrorInfo`, as the trailer `grpc-status-details-bin` carries it: ready-made for the
/// answers that nginx gives itself. Source: googleapis `google/rpc/status.proto`, `google/rpc/error_details.proto`.
struct StatusDetails {
  private static let domain = "task-management"

  /// Base64 without padding.
  let base64: String

  init(_ answer: Answer, metadata: [String: String] = [:]) throws {
    let info = Google_Rpc_ErrorInfo.with {
      $0.reason = answer.code
      $0.domain = Self.domain
      $0.metadata = metadata
    }
    let status = try Google_Rpc_Status.with {
      $0.code = Int32(answer.grpc)
      $0.message = answer.message
      $0.details = [try Google_Protobuf_Any(message: info)]
    }
    let bytes: Data = try status.serializedBytes()
    base64 = bytes.base64EncodedString().filter { $0 != "=" }
  }
}
