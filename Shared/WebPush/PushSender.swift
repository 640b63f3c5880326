private import CCurl
public import Values

/// Sends push messages over HTTPS. It keeps connections open, so each thread needs its own sender. Source: RFC 8030 §5.
public final class PushSender {
  /// The urgency of a message, for which a phone may spend battery. Source: RFC 8030 §5.3.
  public enum Urgency: String, Sendable {
    /// Only while the phone charges and data is free.
    case veryLow = "very-low"
    /// Only while the phone charges or data is free.
    case low
    /// Whenever the phone is awake for other reasons.
    case normal
    /// At once.
    case high
  }

  /// Payloads are padded to multiples of this, so that their length reveals little.
  private static let paddingBytes = 256
  private static let maximumTopicCharacters = 32
  /// The most connections that are kept open. Beyond it, the least recently used one is closed.
  private static let maximumConnections = 4

  private let allowsPrivateAddresses: Bool
  private let caFile: String?
  private var authorizations: PushAuthorizations
  private let handle = CurlHandle()

  /// A sender. Nothing is opened yet.
  ///
  /// - Parameters:
  ///   - key: the key with which the browsers have subscribed.
  ///   - subject: a `mailto:` or `https:` URI by which push services reach the sender, see `VAPIDKey.isSubject(_:)`.
  ///   - allowsPrivateAddresses: whether push services may be in our own network; for tests.
  ///   - caFile: the trusted certificates in PEM; `nil` for those of the system.
  public init(key: VAPIDKey, subject: String, allowsPrivateAddresses: Bool, caFile: String?) {
    authorizations = PushAuthorizations(key: key, subject: subject)
    self.allowsPrivateAddresses = allowsPrivateAddresses
    self.caFile = caFile
  }

  /// Encrypts a payload for a browser and hands it to its push service.
  ///
  /// `unreachable` concerns only that push service, the `origin` of the subscription: others may well
  /// work. `postponed` contains the seconds of `Retry-After`, a day at most. `refused` with the status
  /// 401 or 403 usually means that the browser has subscribed with another key.
  /// The corresponding C function is `curl_easy_perform`.
  ///
  /// - Parameters:
  ///   - payload: at most `PushEncryption.maximumPayloadBytes`.
  ///   - subscription: the browser.
  ///   - ttlSeconds: the time for which the push service is to keep the message while the browser is offline.
  ///   - urgency: its urgency.
  ///   - topic: replaces a message of the same topic that is still waiting; at most 32 characters of base64url.
  ///   - now: the time.
  ///   - deadline: the time to give up. The message may arrive all the same.
  /// - Returns: the outcome.
  public func send(
    _ payload: [UInt8],
    to subscription: PushSubscription,
    ttlSeconds: Int,
    urgency: Urgency,
    topic: String?,
    now: Instant,
    deadline: Deadline
  ) -> DeliveryOutcome {
    if let topic, !Self.isTopic(topic) {
      return .refused(
        reason: "a topic has at most \(Self.maximumTopicCharacters) characters of base64url"
      )
    }
    let message: [UInt8]
    var lines = [
      "Content-Type: application/octet-stream", "Content-Encoding: aes128gcm",
      "TTL: \(max(0, ttlSeconds))", "Urgency: \(urgency.rawValue)",
      "Expect:",  // do not ask before the body
    ]
    if let topic { lines.append("Topic: \(topic)") }
    do {
      let length = (payload.count / Self.paddingBytes + 1) * Self.paddingBytes
      message = try PushEncryption.encrypt(payload, for: subscription, paddedTo: length)
      let authorization = try authorizations.header(for: subscription.origin, at: now)
      lines.append("Authorization: \(authorization)")
    } catch {
      return .refused(reason: (error as? PushFailure)?.message ?? "the message cannot be made")
    }
    let outcome = post(message, lines, to: subscription.endpoint, now: now, deadline: deadline)
    if case .refused = outcome { authorizations.forget(subscription.origin) }
    return outcome
  }

  private static func isTopic(_ text: String) -> Bool {
    (1...maximumTopicCharacters).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-_".utf8.contains(byte)
        }
      }
  }

  private func post(
    _ message: [UInt8],
    _ lines: [String],
    to endpoint: String,
    now: Instant,
    deadline: Deadline
  ) -> DeliveryOutcome {
    let milliseconds = Int(deadline.millisecondsLeft)
    guard milliseconds > 0, let curl = handle.pointer else {
      return .postponed(
        reason: milliseconds > 0 ? "libcurl does not start" : "there is no time left",
        afterSeconds: nil
      )
    }
    var headers: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(headers) }
    for line in lines { headers = curl_slist_append(headers, line) }
    let answer = PushAnswer()
    let sockets = PushSocketGuard(allowsPrivate: allowsPrivateAddresses)
    var message = message
    let result = withExtendedLifetime((answer, sockets)) {
      message.withUnsafeMutableBytes { body in
        prepare(curl, endpoint, timeoutMilliseconds: milliseconds)
        tm_curl_set_pointer(curl, CURLOPT_HTTPHEADER, headers)
        tm_curl_set_long(curl, CURLOPT_POSTFIELDSIZE, body.count)
        tm_curl_set_pointer(curl, CURLOPT_POSTFIELDS, body.baseAddress)
        Self.receive(curl, answer)
        sockets.watch(curl)
        return curl_easy_perform(curl)
      }
    }
    // The status is enough, even when the body is not complete.
    let status = tm_curl_response_code(curl)
    if status >= 200 { return answer.outcome(status: status, at: now) }
    if let addresses = sockets.refusedAddresses {
      return .refused(reason: "the push service is not on the public internet: \(addresses)")
    }
    let reason = String(cString: curl_easy_strerror(result))
    return result == CURLE_URL_MALFORMAT ? .refused(reason: reason) : .unreachable(reason: reason)
  }

  /// Sets all options but those of the message.
  private func prepare(
    _ curl: UnsafeMutableRawPointer,
    _ endpoint: String,
    timeoutMilliseconds: Int
  ) {
    curl_easy_reset(curl)
    tm_curl_set_text(curl, CURLOPT_URL, endpoint)
    tm_curl_set_text(curl, CURLOPT_PROTOCOLS_STR, "https")
    tm_curl_set_long(curl, CURLOPT_PATH_AS_IS, 1)
    tm_curl_set_text(curl, CURLOPT_NOPROXY, "*")
    tm_curl_set_long(curl, CURLOPT_FOLLOWLOCATION, 0)
    tm_curl_set_long(curl, CURLOPT_SSL_VERIFYPEER, 1)
    tm_curl_set_long(curl, CURLOPT_SSL_VERIFYHOST, 2)
    tm_curl_set_long(curl, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    if let caFile { tm_curl_set_text(curl, CURLOPT_CAINFO, caFile) }
    tm_curl_set_long(curl, CURLOPT_NOSIGNAL, 1)
    tm_curl_set_long(curl, CURLOPT_TIMEOUT_MS, timeoutMilliseconds)
    tm_curl_set_long(curl, CURLOPT_CONNECTTIMEOUT_MS, timeoutMilliseconds)
    // Do not wait for a resolver beyond the deadline.
    tm_curl_set_long(curl, CURLOPT_QUICK_EXIT, 1)
    tm_curl_set_long(curl, CURLOPT_MAXCONNECTS, Self.maximumConnections)
    tm_curl_set_long(curl, CURLOPT_POST, 1)
  }

  private static func receive(_ curl: UnsafeMutableRawPointer, _ answer: PushAnswer) {
    let receiver = Unmanaged.passUnretained(answer).toOpaque()
    tm_curl_set_pointer(curl, CURLOPT_WRITEDATA, receiver)
    tm_curl_set_pointer(curl, CURLOPT_HEADERDATA, receiver)
    // Returning fewer bytes than were given ends the transfer.
    tm_curl_set_receiver(curl, CURLOPT_WRITEFUNCTION) { bytes, size, count, receiver in
      guard let bytes, let receiver else { return 0 }
      let answer = Unmanaged<PushAnswer>.fromOpaque(receiver).takeUnretainedValue()
      return answer.append(UnsafeRawBufferPointer(start: bytes, count: size * count))
        ? size * count : 0
    }
    tm_curl_set_receiver(curl, CURLOPT_HEADERFUNCTION) { bytes, size, count, receiver in
      guard let bytes, let receiver else { return 0 }
      let answer = Unmanaged<PushAnswer>.fromOpaque(receiver).takeUnretainedValue()
      return answer.add(line: UnsafeRawBufferPointer(start: bytes, count: size * count))
        ? size * count : 0
    }
  }

  /// Owns a `CURL`, which is created at the first message. The corresponding C functions are `curl_easy_init` and
  /// `curl_easy_cleanup`.
  private final class CurlHandle {
    lazy var pointer: UnsafeMutableRawPointer? = curl_easy_init()

    deinit { if let pointer { curl_easy_cleanup(pointer) } }
  }
}
