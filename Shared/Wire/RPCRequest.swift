import API
public import Endpoint
import Values

/// Reads a gRPC call into its message. Source: gRPC over HTTP/2, "Requests".
public enum RPCDecoder {
  /// The length of a message's prefix: one byte for compression, and four for the message's length.
  static let prefixLength = 5

  /// The messages of a call: one, or any number in a stream of questions.
  ///
  /// - Throws: `Problem` `MALFORMED_MESSAGE`, `UNSUPPORTED_ENCODING`, `PAYLOAD_TOO_LARGE`.
  public static func decode<Request: RequestMessage>(
    _ request: HTTPRequest,
    route: Route,
    as type: Request.Type = Request.self
  ) throws -> [Decoded<Request>] {
    var position = 0
    var messages: [Decoded<Request>] = []
    while position < request.body.count {
      let message: Request = try message(
        in: request.body,
        at: &position,
        encoding: request.messageEncoding
      )
      var violations = Violations()
      message.addMissing(to: &violations)
      messages.append((message, violations))
      guard messages.count <= maximumMessages else {
        throw Problem(.payloadTooLarge, "the call must have at most \(maximumMessages) messages")
      }
    }
    guard route.streams || messages.count == 1 else {
      throw malformed("the call must have one message, not \(messages.count)")
    }
    return messages
  }

  private static let maximumMessages = 100

  private static func message<Request: RequestMessage>(
    in body: [UInt8],
    at position: inout Int,
    encoding: String
  ) throws -> Request {
    let start = position + prefixLength
    guard start <= body.count else {
      throw malformed("the message's prefix is cut off after \(body.count - position) of 5 bytes")
    }
    let flag = body[position]
    let length = body[position + 1..<start].reduce(0) { $0 << 8 | Int($1) }
    guard length <= HTTPRequest.maximumMessageBytes else {
      throw Problem(.payloadTooLarge, "the message is larger than 1 MiB")
    }
    switch (flag, encoding) {
    case (0, _): break
    case (1, "identity"):
      throw malformed("the message is marked as compressed, but grpc-encoding names no compression")
    case (1, _):
      throw Problem(
        .unsupportedEncoding,
        "messages compressed with \(encoding.excerpt()) are not understood: send them uncompressed"
      )
    default: throw malformed("the message's compressed flag must be 0 or 1, not \(flag)")
    }
    guard body.count - start >= length else {
      throw malformed("the message is cut off after \(body.count - start) of \(length) bytes")
    }
    position = start + length
    do {
      return try Request(serializedBytes: Array(body[start..<position]))
    } catch {
      throw malformed("the message is not a valid \(Request.protoMessageName)")
    }
  }

  private static func malformed(_ message: String) -> Problem {
    Problem(.malformedMessage, message)
  }
}

/// The time that a caller waits. Source: gRPC over HTTP/2, "Timeout".
public enum RPCTimeout {
  /// The microseconds of a `grpc-timeout` such as `250m`.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`.
  public static func microseconds(_ text: String) throws -> Int64 {
    let digits = text.utf8.dropLast()
    guard (1...8).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
      let value = Int64(text.dropLast())
    else { throw malformed }
    switch text.utf8.last {
    case UInt8(ascii: "H"): return value * 3_600_000_000
    case UInt8(ascii: "M"): return value * 60_000_000
    case UInt8(ascii: "S"): return value * 1_000_000
    case UInt8(ascii: "m"): return value * 1000
    case UInt8(ascii: "u"): return value
    case UInt8(ascii: "n"): return value / 1000
    default: throw malformed
    }
  }

  private static var malformed: Problem {
    Problem(
      .invalidArgument,
      "grpc-timeout is malformed",
      details: ["grpc-timeout": "must be 1 to 8 digits and one of H M S m u n"]
    )
  }
}
