import Testing

@testable import FastCGI

struct `The records of an answer` {
  /// The records as a gateway reads them. Source: the FastCGI specification 1.0, §3.3.
  private struct Read: Equatable {
    var content: [UInt8] = []
    var endsStream = false
    var end: [UInt8] = []
  }

  private func read(_ bytes: [UInt8], requestID: UInt16) -> Read? {
    var read = Read()
    var rest = bytes[...]
    while !rest.isEmpty {
      guard rest.count >= 8 else { return nil }
      let header = Array(rest.prefix(8))
      let length = Int(header[4]) << 8 | Int(header[5])
      guard header[0] == 1, UInt16(header[2]) << 8 | UInt16(header[3]) == requestID, header[6] == 0,
        rest.count >= 8 + length, read.end.isEmpty
      else { return nil }
      let content = rest.dropFirst(8).prefix(length)
      switch header[1] {
      case 6 where length == 0 && !read.endsStream: read.endsStream = true
      case 6 where !read.endsStream: read.content += content
      case 3: read.end = Array(content)
      default: return nil
      }
      rest = rest.dropFirst(8 + length)
    }
    return read
  }

  @Test(arguments: [0, 1, 8_192, 65_534, 65_535, 65_536, 131_070, 131_071, 700_000])
  func `carry it whole, whatever its length`(count: Int) {
    let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let frame = Records.frame(of: count, requestID: 0x0102)
    var sent: [UInt8] = []
    for (number, piece) in frame.pieces.enumerated() {
      sent += frame.bytes[Records.headers(before: number)]
      sent += content[piece]
    }
    sent += frame.bytes[Records.headers(before: frame.pieces.count).lowerBound...]

    // Status 0 and FCGI_REQUEST_COMPLETE.
    let expected = Read(content: content, endsStream: true, end: [0, 0, 0, 0, 0, 0, 0, 0])
    #expect(read(sent, requestID: 0x0102) == expected)
  }
}
