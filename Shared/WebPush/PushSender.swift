private import CCurl
public import Values

/// Sends push messages over HTTPS. It keeps connections, so one belongs to one thread. Source: RFC 8030 §5.
public final class PushSender {
  /// How much the message is worth to the battery of a phone. Source: RFC 8030 §5.3.
  public enum Urgency: String, Sendable {
    /// Only when it charges and costs nothing.
    case veryLow = "very-low"
    /// Only when it charges or costs nothing.
    case low
    /// Whenever it is awake for other things.
    case normal
    /// At once.
    case high
  }

  /// Payloads are filled up to multiples of this, so that their length says little.
  private static let paddingBytes = 256
  private static let maximumTopicCharacters = 32
  /// Kept open: of more push services the one that was used the longest ago is left.
  private static let maximumConnections = 4

  private let allowsPrivateAddresses: Bool
  private let caFile: String?
  private var authorizations: PushAuthorizations
  private let handle = CurlHandle()

  /// A sender. Nothing is opened yet.
  ///
  /// - Parameters:
  ///   - key: the key that the browsers have subscribed with.
  ///   - subject: a `mailto:` or `https:` URI where push services find who sends, see `VAPIDKey.isSubject(_:)`.
  ///   - allowsPrivateAddresses: whether push services may be in our own network; for tests.
  ///   - caFile: certificates in PEM of who is trusted; `nil`: those of the system.
  public init(key: VAPIDKey, subject: String, allowsPrivateAddresses: Bool, caFile: String?) {
    authorizations = PushAuthorizations(key: key, subject: subject)
    self.allowsPrivateAddresses = allowsPrivateAddresses
    self.caFile = caFile
  }

  /// Encrypts a payload for a browser and hands it to its push service.
  ///
  /// An `unreachable` speaks of that push service alone, the `origin` of the subscription: others may well
  /// work. A `postponed` gives the seconds of `Retry-After`, a day at the most. A `refused` with the status
  /// 401 or 403 most often means that the key is not the one which the browser has subscribed with.
  /// The corresponding C function is `curl_easy_perform`.
  ///
  /// - Parameters:
  ///   - payload: at most `PushEncryption.maximumPayloadBytes`.
  ///   - subscription: the browser.
  ///   - ttlSeconds: how long the push service shall try, when the browser is away.
  ///   - urgency: how much it is worth.
  ///   - topic: a message that still waits is replaced by one of the same topic; at most 32 characters of base64url.
  ///   - now: the time.
  ///   - deadline: when to give up. What was sent by then may arrive all the same.
  /// - Returns: what has become of it.
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
      "Expect:",  // no question before the body
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
    // With the status everything is said, even when the body has no end.
    let status = tm_curl_response_code(curl)
    if status >= 200 { return answer.outcome(status: status, at: now) }
    if let addresses = sockets.refusedAddresses {
      return .refused(reason: "the push service is not on the public internet: \(addresses)")
    }
    let reason = String(cString: curl_easy_strerror(result))
    return result == CURLE_URL_MALFORMAT ? .refused(reason: reason) : .unreachable(reason: reason)
  }

  /// Everything but the message.
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
    // A resolver that is silent is not waited for beyond the deadline.
    tm_curl_set_long(curl, CURLOPT_QUICK_EXIT, 1)
    tm_curl_set_long(curl, CURLOPT_MAXCONNECTS, Self.maximumConnections)
    tm_curl_set_long(curl, CURLOPT_POST, 1)
  }

  private static func receive(_ curl: UnsafeMutableRawPointer, _ answer: PushAnswer) {
    let receiver = Unmanaged.passUnretained(answer).toOpaque()
    tm_curl_set_pointer(curl, CURLOPT_WRITEDATA, receiver)
    tm_curl_set_pointer(curl, CURLOPT_HEADERDATA, receiver)
    // Fewer bytes than were given end the transfer.
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

  /// Owns a `CURL`, made at the first message. The corresponding C functions are `curl_easy_init` and
  /// `curl_easy_cleanup`.
  private final class CurlHandle {
    lazy var pointer: UnsafeMutableRawPointer? = curl_easy_init()

    deinit { if let pointer { curl_easy_cleanup(pointer) } }
  }
}
