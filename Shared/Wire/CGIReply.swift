/// An answer as CGI wants it: header lines, an empty line, the body. Source: RFC 3875 §6.
enum CGIReply {
  /// `length` is what `Content-Length` says; `nil` leaves it out.
  static func bytes(
    status: String,
    contentType: String?,
    length: Int?,
    headers: [(name: String, value: String)],
    body: [UInt8]
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(192 + headers.count * 64 + body.count)
    func line(_ name: String, _ value: String) {
      bytes.append(contentsOf: name.utf8)
      bytes.append(contentsOf: ": ".utf8)
      bytes.append(contentsOf: value.utf8)
      bytes.append(contentsOf: "\r\n".utf8)
    }
    line("Status", status)
    if let contentType { line("Content-Type", contentType) }
    if let length { line("Content-Length", String(length)) }
    for header in headers { line(header.name, header.value) }
    bytes.append(contentsOf: "\r\n".utf8)
    bytes.append(contentsOf: body)
    return bytes
  }
}
