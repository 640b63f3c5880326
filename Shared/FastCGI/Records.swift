/// What a responder sends. Source: the FastCGI specification 1.0, §3.3, §5.5, §6.2.
enum Records {
  private static let version: UInt8 = 1
  private static let headerLength = 8
  /// Bytes of content in one record: a multiple of eight, so that none needs padding but the last.
  private static let maximumContent = 65_528

  /// Record types.
  private enum Kind: UInt8 {
    case endRequest = 3
    case stdout = 6
  }

  /// The records of a whole answer: its bytes, the end of the stream, the end of the request.
  static func answer(_ bytes: [UInt8], requestID: UInt16) -> [UInt8] {
    let pieces = bytes.count / maximumContent + 1
    let capacity = bytes.count + (pieces + 3) * headerLength + headerLength
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, length in
      var end = 0
      func header(_ kind: Kind, _ content: Int, padding: Int = 0) {
        let fields: (UInt8, UInt8, UInt8, UInt8) = (
          UInt8(truncatingIfNeeded: requestID >> 8), UInt8(truncatingIfNeeded: requestID),
          UInt8(truncatingIfNeeded: content >> 8), UInt8(truncatingIfNeeded: content)
        )
        buffer[end] = version
        buffer[end + 1] = kind.rawValue
        buffer[end + 2] = fields.0
        buffer[end + 3] = fields.1
        buffer[end + 4] = fields.2
        buffer[end + 5] = fields.3
        buffer[end + 6] = UInt8(padding)
        buffer[end + 7] = 0
        end += headerLength
      }
      func zeros(_ count: Int) {
        for _ in 0..<count {
          buffer[end] = 0
          end += 1
        }
      }
      bytes.withUnsafeBufferPointer { source in
        var start = 0
        while start < source.count {
          let count = min(maximumContent, source.count - start)
          let padding = -count & 7
          header(.stdout, count, padding: padding)
          let place = UnsafeMutableBufferPointer(rebasing: buffer[end...])
          _ = place.update(fromContentsOf: source[start..<start + count])
          end += count
          zeros(padding)
          start += count
        }
      }
      header(.stdout, 0)
      // Status 0, FCGI_REQUEST_COMPLETE.
      header(.endRequest, 8)
      zeros(8)
      length = end
    }
  }
}
