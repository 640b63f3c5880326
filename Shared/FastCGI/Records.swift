/// The records that a responder sends. Source: the FastCGI specification 1.0, §3.3, §5.5, §6.2.
enum Records {
  private static let version: UInt8 = 1
  private static let headerLength = 8
  /// The most bytes of content in one record. No record is padded; the specification leaves that to the sender.
  private static let maximumContent = 65_535

  private static let endRequest: UInt8 = 3
  private static let stdout: UInt8 = 6

  /// The frame around an answer of `count` bytes: the headers of its pieces one after the other, then the end of the
  /// stream and of the request.
  static func frame(of count: Int, requestID: UInt16) -> (bytes: [UInt8], pieces: [Range<Int>]) {
    let pieces = stride(from: 0, to: count, by: maximumContent).map {
      $0..<min($0 + maximumContent, count)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity((pieces.count + 3) * headerLength)
    func header(_ kind: UInt8, _ content: Int) {
      bytes += [
        version, kind, UInt8(requestID >> 8), UInt8(requestID & 0xFF), UInt8(content >> 8),
        UInt8(content & 0xFF), 0, 0,
      ]
    }
    for piece in pieces { header(stdout, piece.count) }
    header(stdout, 0)
    header(endRequest, 8)
    bytes += [0, 0, 0, 0, 0, 0, 0, 0]  // status 0, FCGI_REQUEST_COMPLETE
    return (bytes, pieces)
  }

  /// The place of a piece's header in the frame.
  static func headers(before piece: Int) -> Range<Int> {
    piece * headerLength..<(piece + 1) * headerLength
  }
}
