import API
import Endpoint
import Values

extension Problem {
  /// The system that the codes belong to: `ErrorInfo.domain`.
  static let domain = "task-management"
  /// The most bytes of `grpc-message` before it is escaped, and of each reason in the details: clients refuse
  /// trailers of more than 8 KiB.
  private static let maximumTextBytes = 512
  private static let maximumDetailsBytes = 3072

  /// The message as the trailer `grpc-message` carries it. Source: gRPC over HTTP/2, "Status-Message".
  var rpcMessage: String {
    var text: [UInt8] = []
    for byte in message.excerpt(maximumBytes: Self.maximumTextBytes).utf8 {
      if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
        text.append(byte)
      } else {
        text += [UInt8(ascii: "%"), Self.digit(byte >> 4), Self.digit(byte & 0xF)]
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The problem as the trailer `grpc-status-details-bin` carries it: a `google.rpc.Status` with an
  /// `ErrorInfo` (our code, and the details that do not concern a field) and, when fields are to blame, a
  /// `BadRequest` with each of them. Fields for which there is no room are left out. Base64 without padding.
  /// Source: googleapis `google/rpc/status.proto`, `google/rpc/error_details.proto`.
  var rpcDetails: String {
    var info = ProtobufBytes()
    info.add(1, code.rawValue)
    info.add(2, Self.domain)
    var badRequest = ProtobufBytes()
    for (name, text) in details.sorted(by: { $0.key < $1.key }) {
      let text = text.excerpt(maximumBytes: Self.maximumTextBytes)
      guard
        info.bytes.count + badRequest.bytes.count + name.utf8.count + text.utf8.count
          < Self.maximumDetailsBytes
      else { break }
      if code == .invalidArgument || code == .invalidPageToken {
        badRequest.add(1) { violation in
          violation.add(1, name)
          violation.add(2, text)
        }
      } else {
        info.add(3) { entry in
          entry.add(1, name)
          entry.add(2, text)
        }
      }
    }
    var status = ProtobufBytes()
    status.add(1, UInt64(code.rpcStatus.rawValue))
    status.add(2, message.excerpt(maximumBytes: Self.maximumTextBytes))
    status.addAny(3, "google.rpc.ErrorInfo", info)
    if !badRequest.bytes.isEmpty { status.addAny(3, "google.rpc.BadRequest", badRequest) }
    return Base64URL.encode(status.bytes).replacing(["-": "+", "_": "/"])
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    "0123456789ABCDEF".utf8.dropFirst(Int(value)).first ?? 0x30
  }
}

extension String {
  /// Replaces one ASCII character by another.
  fileprivate func replacing(_ replacements: [Character: Character]) -> String {
    String(map { replacements[$0] ?? $0 })
  }
}

/// Protobuf's encoding of the few messages that are not in the contract.
/// Source: protobuf.dev "Encoding".
private struct ProtobufBytes {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ field: UInt64, _ number: UInt64) {
    varint(field << 3)
    varint(number)
  }

  mutating func add(_ field: UInt64, _ text: String) { add(field, Array(text.utf8)) }

  mutating func add(_ field: UInt64, _ content: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes += content
  }

  mutating func add(_ field: UInt64, _ build: (inout ProtobufBytes) -> Void) {
    var message = ProtobufBytes()
    build(&message)
    add(field, message.bytes)
  }

  mutating func addAny(_ field: UInt64, _ type: String, _ message: ProtobufBytes) {
    add(field) { any in
      any.add(1, "type.googleapis.com/" + type)
      any.add(2, message.bytes)
    }
  }

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }
}
