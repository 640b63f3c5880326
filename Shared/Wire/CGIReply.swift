/// An answer in CGI's form: header lines, an empty line, the body. Source: RFC 3875 §6.
enum CGIReply {
  /// `length` is the value of `Content-Length`; `nil` leaves it out.
  static func bytes(
    status: String,
    contentType: String?,
    length: Int?,
    headers: [(name: String, value: String)],
    body: [UInt8]
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(192 + headers.count * 64 + body.count)
    func put(_ text: String) {
      var text = text
      text.withUTF8 { bytes.append(contentsOf: $0) }
    }
    func line(_ name: String, _ value: String) {
      put(name)
      put(": ")
      put(value)
      put("\r\n")
    }
    line("Status", status)
    if let contentType { line("Content-Type", contentType) }
    if let length { line("Content-Length", String(length)) }
    for header in headers { line(header.name, header.value) }
    put("\r\n")
    bytes.append(contentsOf: body)
    return bytes
  }
}
