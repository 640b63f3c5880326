public import API
public import Endpoint

/// A gRPC answer. The gateway makes trailers of its `X-Grpc-` headers. Source: gRPC over HTTP/2, "Responses".
public struct RPCReply {
  /// The status.
  public let status: RPCStatus
  /// The messages, each after its prefix.
  public let body: [UInt8]
  private let problem: Problem?

  /// The answer for messages: one, or one for each question of a stream.
  ///
  /// - Throws: an error of swift-protobuf for a message that cannot be encoded; the contract has no such message.
  public init(_ messages: [some Message]) throws {
    var encoder = MessageEncoder()
    for message in messages { try encoder.addFrame(message) }
    body = encoder.bytes
    status = .ok
    problem = nil
  }

  /// The answer for a problem.
  public init(_ problem: Problem) {
    status = problem.code.rpcStatus
    body = []
    self.problem = problem
  }

  /// The header lines: those that become trailers, and the others.
  public var headers: [(name: String, value: String)] {
    guard let problem else { return [("X-Grpc-Status", "0")] }
    var headers = [
      ("X-Grpc-Status", String(status.rawValue)), ("X-Grpc-Message", problem.rpcMessage),
      ("X-Grpc-Status-Details-Bin", problem.rpcDetails),
    ]
    if problem.code == .unsupportedEncoding { headers.append(("Grpc-Accept-Encoding", "identity")) }
    return headers
  }

  /// The trailers, for a transport that can send them as such.
  public var trailers: [(name: String, value: String)] {
    headers.map { name, value in
      let name = name.lowercased()
      return (name.hasPrefix("x-") ? String(name.dropFirst(2)) : name, value)
    }
  }

  /// The answer in CGI's form. The HTTP status is 200 whatever the outcome. There is no Content-Length, because
  /// some HTTP/2 clients would stop there and never read the trailers (libcurl 7.88, for one).
  public var cgiBytes: [UInt8] {
    CGIReply.bytes(
      status: "200 OK",
      contentType: "application/grpc",
      length: nil,
      headers: headers,
      body: body
    )
  }
}
