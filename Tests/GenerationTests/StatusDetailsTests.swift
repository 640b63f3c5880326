import Foundation
import SwiftProtobuf
import Testing

@testable import Contract
@testable import Generation

struct `Error details that the gateway carries ready-made` {
  /// Decodes them as swift-protobuf does.
  private func decode(_ base64: String) throws -> (Google_Rpc_Status, Google_Rpc_ErrorInfo) {
    let padding = String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
    let bytes = try #require(Data(base64Encoded: base64 + padding))
    let status = try Google_Rpc_Status(serializedBytes: bytes)
    #expect(status.details.count == 1)
    #expect(status.details[0].typeURL == "type.googleapis.com/google.rpc.ErrorInfo")
    return (status, try Google_Rpc_ErrorInfo(unpackingAny: status.details[0]))
  }

  @Test func `are what google.rpc says, for every code`() throws {
    for answer in try registry().answers {
      let base64 = try StatusDetails(answer).base64
      #expect(!base64.contains("="), "\(answer.code)")
      let (status, info) = try decode(base64)
      #expect(status.code == Int32(answer.grpc))
      #expect(status.message == answer.message)
      #expect(info.reason == answer.code)
      #expect(info.domain == "task-management")
      #expect(info.metadata.isEmpty)
    }
  }

  @Test func `name the limit that was exceeded`() throws {
    let answer = try #require(registry().answers.first { $0.code == "RATE_LIMITED" })
    let (_, info) = try decode(StatusDetails(answer, metadata: ["limit": "login"]).base64)
    #expect(info.metadata == ["limit": "login"])
  }

  @Test func `stand in the gateway's tables, for each limit its own`() throws {
    let limit = RateLimit(
      name: "orders",
      perSecond: 1,
      burst: 1,
      countsCallers: false,
      isAlone: false
    )
    let files = try GatewayTables(
      registry(function("get-order", ["GET"], "/api/v1/orders", limit: limit))
    ).files()
    let lines = files.lines("texts")
    let start = try #require(lines.firstIndex(of: "map $limit_name $limited_details {"))
    let rows = lines[(start + 1)...].prefix { $0 != "}" }
      .map { $0.trimmingCharacters(in: .init(charactersIn: " ;")).split(separator: " ") }
    #expect(rows.map { $0[0] } == ["default", "orders", "address"])
    for (row, name) in zip(rows, ["requests", "orders", "address"]) {
      #expect(try decode(String(row[1])).1.metadata["limit"] == name)
    }
  }
}
