import API
private import CCurl
public import Values

/// gRPC over libcurl: HTTP/2 without TLS to the port of a service, on a new connection for each call, because
/// libcurl 7.88 (Debian 12) fails on a kept one (curl issue 10634). Source: gRPC over HTTP/2.
public final class CurlTransport: Transport {
  private static let maximumAnswerBytes = 4_194_304
  private static let maximumHeaderBytes = 32_768
  private static let prefixLength = 5

  private let url: String
  private let handle: OpaquePointerBox

  /// A transport to the service at a URL such as `http://127.0.0.1:50051`. Nothing is opened yet.
  public init(url: String) {
    self.url = url
    handle = OpaquePointerBox()
  }

  /// Sends a message and waits for the answer.
  ///
  /// The corresponding C function is `curl_easy_perform`.
  /// - Throws: `CallFailure`.
  public func call(
    _ rpc: String,
    message: [UInt8],
    metadata: [(name: String, value: String)],
    deadline: Deadline
  ) throws -> [UInt8] {
    let milliseconds = deadline.millisecondsLeft
    guard milliseconds > 0 else { throw CallFailure(.deadlineExceeded, "there is no time left") }
    guard let curl = handle.pointer else { throw CallFailure(.internal, "libcurl does not start") }
    var headers: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(headers) }
    for (name, value) in [
      ("content-type", "application/grpc"), ("te", "trailers"),
      ("grpc-timeout", "\(milliseconds)m"),
    ] + metadata {
      headers = curl_slist_append(headers, "\(name): \(value)")
    }
    var body: [UInt8] = [0]
    for shift in [24, 16, 8, 0] { body.append(UInt8(truncatingIfNeeded: message.count >> shift)) }
    body += message
    let answer = Answer()
    let result = body.withUnsafeMutableBytes { body in
      perform(curl, "\(url)/\(rpc)", headers, body, answer, timeoutMilliseconds: Int(milliseconds))
    }
    guard result == CURLE_OK else {
      let reason = String(cString: curl_easy_strerror(result))
      throw CallFailure(
        result == CURLE_OPERATION_TIMEDOUT ? .deadlineExceeded : .unavailable,
        "\(url): \(reason)"
      )
    }
    return try answer.message(httpStatus: tm_curl_response_code(curl))
  }

  private func perform(
    _ curl: UnsafeMutableRawPointer,
    _ url: String,
    _ headers: UnsafeMutablePointer<curl_slist>?,
    _ body: UnsafeMutableRawBufferPointer,
    _ answer: Answer,
    timeoutMilliseconds: Int
  ) -> CURLcode {
    curl_easy_reset(curl)
    tm_curl_set_long(curl, CURLOPT_FORBID_REUSE, 1)
    tm_curl_set_text(curl, CURLOPT_URL, url)
    tm_curl_set_text(curl, CURLOPT_PROTOCOLS_STR, "http")
    tm_curl_set_text(curl, CURLOPT_NOPROXY, "*")
    tm_curl_set_long(curl, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE))
    tm_curl_set_long(curl, CURLOPT_NOSIGNAL, 1)
    tm_curl_set_long(curl, CURLOPT_TIMEOUT_MS, timeoutMilliseconds)
    tm_curl_set_long(curl, CURLOPT_CONNECTTIMEOUT_MS, timeoutMilliseconds)
    tm_curl_set_long(curl, CURLOPT_POST, 1)
    tm_curl_set_long(curl, CURLOPT_POSTFIELDSIZE, body.count)
    tm_curl_set_pointer(curl, CURLOPT_POSTFIELDS, body.baseAddress)
    tm_curl_set_pointer(curl, CURLOPT_HTTPHEADER, headers)
    let receiver = Unmanaged.passUnretained(answer).toOpaque()
    tm_curl_set_pointer(curl, CURLOPT_WRITEDATA, receiver)
    tm_curl_set_pointer(curl, CURLOPT_HEADERDATA, receiver)
    // Returning fewer bytes than were given ends the transfer.
    tm_curl_set_receiver(curl, CURLOPT_WRITEFUNCTION) { bytes, size, count, receiver in
      guard let bytes, let receiver else { return 0 }
      let answer = Unmanaged<Answer>.fromOpaque(receiver).takeUnretainedValue()
      return answer.append(UnsafeRawBufferPointer(start: bytes, count: size * count))
        ? size * count : 0
    }
    // Called for each line of the header and of the trailers.
    tm_curl_set_receiver(curl, CURLOPT_HEADERFUNCTION) { bytes, size, count, receiver in
      guard let bytes, let receiver else { return 0 }
      let answer = Unmanaged<Answer>.fromOpaque(receiver).takeUnretainedValue()
      return answer.add(line: UnsafeRawBufferPointer(start: bytes, count: size * count))
        ? size * count : 0
    }
    return withExtendedLifetime(answer) { curl_easy_perform(curl) }
  }

  /// The response as far as it has been received.
  private final class Answer {
    private var body: [UInt8] = []
    private var headerBytes = 0
    private var status: Int?
    private var text = ""

    func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
      body.append(contentsOf: bytes)
      return body.count <= maximumAnswerBytes
    }

    func add(line: UnsafeRawBufferPointer) -> Bool {
      headerBytes += line.count
      let line = String(decoding: line, as: UTF8.self)
      if let colon = line.firstIndex(of: ":") {
        let value = line[line.index(after: colon)...].drop { $0 == " " }.prefix { !$0.isNewline }
        switch line[..<colon].lowercased() {
        case "grpc-status": status = Int(value)
        case "grpc-message": text = String(value)
        default: break
        }
      }
      return headerBytes <= maximumHeaderBytes
    }

    /// - Throws: `CallFailure`.
    func message(httpStatus: Int) throws -> [UInt8] {
      guard let status else {
        throw CallFailure(.unavailable, "HTTP \(httpStatus) without a grpc-status")
      }
      guard status == RPCStatus.ok.rawValue else {
        throw CallFailure(RPCStatus(rawValue: status) ?? .unknown, text)
      }
      let length = body.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
      guard body.count == prefixLength + length, body[0] == 0 else {
        throw CallFailure(.internal, "the answer is not one message")
      }
      return Array(body[prefixLength...])
    }
  }

  /// Owns a `CURL`, which is created at the first call. The corresponding C functions are `curl_easy_init` and
  /// `curl_easy_cleanup`.
  private final class OpaquePointerBox {
    lazy var pointer: UnsafeMutableRawPointer? = curl_easy_init()

    deinit { if let pointer { curl_easy_cleanup(pointer) } }
  }
}
