private import CCurl
private import Glibc
public import Values

/// Hands mail to an SMTP server. It keeps its connection for the next message, so each thread needs its own.
/// Source: RFC 5321, RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 8314 §3.3 (smtps).
public final class MailSender {
  private let server: MailServer
  private let user: String?
  private let password: String?
  private let requiresTLS: Bool
  private let caFile: String?
  private let connectTimeoutMilliseconds: Int
  private var handle: UnsafeMutableRawPointer?

  /// A sender. Nothing is opened yet.
  ///
  /// - Parameters:
  ///   - url: `smtp://host:port` (port 25) or, for TLS from the first byte, `smtps://host:port` (port 465). It may hold
  ///     user and password, percent-encoded. A path is the name that we give to the server in EHLO instead of
  ///     that of this host.
  ///   - user: the user name, when it is not in the URL.
  ///   - password: the password, when it is not in the URL.
  ///   - requiresTLS: whether mail is sent over TLS only. Otherwise TLS is used when the server offers it, and
  ///     anybody between us and the server can remove the offer: a password should not travel that way.
  ///   - caFile: the trusted certificates in PEM; `nil`: those of the system. A server whose certificate
  ///     is not valid gets no mail, whether or not TLS is required.
  ///   - connectTimeoutMilliseconds: how long the connection may take, even when the deadline is further away.
  /// - Throws: `MailFailure`, without the password.
  public init(
    url: String,
    user: String? = nil,
    password: String? = nil,
    requiresTLS: Bool,
    caFile: String? = nil,
    connectTimeoutMilliseconds: Int = 10_000
  ) throws {
    server = try MailServer(url)
    self.user = user ?? server.user
    self.password = password ?? server.password
    self.requiresTLS = requiresTLS
    self.caFile = caFile
    self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
  }

  deinit { close() }

  /// Sends a message, on the kept connection if there is one.
  ///
  /// A reason holds the last line of the server's reply, at most 200 bytes, and never the password.
  ///
  /// | what happens | outcome |
  /// |---|---|
  /// | 250 after the message | `delivered` |
  /// | no connection, no greeting or a strange one, no TLS, an invalid certificate, a refused password | `unreachable` |
  /// | 421 (the server stops) or 530 (it wants TLS or a password first), to any command | `unreachable` |
  /// | MAIL: 4xx | `postponed` |
  /// | MAIL: 552 (the message is too large) | `refused` |
  /// | MAIL: another 5xx, or no reply | `unreachable` |
  /// | RCPT, DATA or after the message: 5xx | `refused` |
  /// | RCPT, DATA or after the message: 4xx, or no valid reply before the deadline or the end of the connection | `postponed` |
  ///
  /// From RCPT on, a lost connection concerns this message alone, so that a message which the server chokes on does not
  /// hold back the others. A message whose last reply got lost may have been delivered: it arrives twice
  /// then, with the same ID. A failure of a kept connection before RCPT is not believed: the message is sent
  /// once more over a new one. A server that refuses a message and then does not reply to QUIT takes up to a
  /// second more, even after the deadline.
  ///
  /// The corresponding C function is `curl_easy_perform`.
  public func send(_ message: MailMessage, deadline: Deadline) -> DeliveryOutcome {
    let bytes = message.bytes
    let (outcome, isOfKeptConnection) = attempt(message, bytes, deadline)
    guard isOfKeptConnection, !deadline.hasPassed else { return outcome }
    return attempt(message, bytes, deadline).outcome
  }

  /// Sends QUIT and closes the connection, without waiting for a reply. The next message opens a new one.
  ///
  /// The corresponding C function is `curl_easy_cleanup`.
  public func close() {
    guard let handle else { return }
    // libcurl would wait two minutes for a server that does not reply to QUIT.
    let socket = tm_curl_kept_socket(handle)
    if socket >= 0 { shutdown(socket, Int32(SHUT_RD)) }
    curl_easy_cleanup(handle)
    self.handle = nil
  }

  /// Sends a message once, and tells whether it failed only because of a kept connection.
  private func attempt(
    _ message: MailMessage,
    _ bytes: [UInt8],
    _ deadline: Deadline
  ) -> (outcome: DeliveryOutcome, isOfKeptConnection: Bool) {
    let milliseconds = Int(deadline.millisecondsLeft)
    guard milliseconds > 0 else {
      return (.postponed(reason: "there is no time left", afterSeconds: nil), false)
    }
    // Every failure closes the connection, so an open one has delivered a message.
    let isOpen = handle != nil
    guard let curl = handle ?? open() else {
      return (.unreachable(reason: "libcurl does not start"), false)
    }
    let attempt = MailAttempt(bytes)
    var problem = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    let recipients = curl_slist_append(nil, "<\(message.to)>")
    defer { curl_slist_free_all(recipients) }
    let result = problem.withUnsafeMutableBufferPointer { problem in
      prepare(curl, attempt, bytes.count, milliseconds)
      tm_curl_set_text(curl, CURLOPT_MAIL_FROM, "<\(message.from)>")
      tm_curl_set_pointer(curl, CURLOPT_MAIL_RCPT, recipients)
      tm_curl_set_pointer(curl, CURLOPT_ERRORBUFFER, problem.baseAddress)
      // The handle outlives the values that it points to.
      defer {
        for option in [
          CURLOPT_ERRORBUFFER, CURLOPT_MAIL_RCPT, CURLOPT_READDATA, CURLOPT_HEADERDATA,
          CURLOPT_DEBUGDATA,
        ] {
          tm_curl_set_pointer(curl, option, nil)
        }
      }
      return withExtendedLifetime(attempt) { curl_easy_perform(curl) }
    }
    if result == CURLE_OK { return (.delivered, false) }
    let detail = problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let reason =
      detail.isEmpty
      ? String(cString: curl_easy_strerror(result)) : String(decoding: detail, as: UTF8.self)
    let outcome = attempt.failure("\(server.name): \(reason)")
    let isOfKeptConnection =
      isOpen && attempt.isBeforeRecipient && tm_curl_opened_connections(curl) == 0
    // libcurl 7.88 (Debian 12) keeps a connection whose replies did not come in time, and takes late ones for the
    // replies to the next message.
    close()
    return (outcome, isOfKeptConnection)
  }

  /// Creates the handle, with the options that are the same for each message. The corresponding C function is `curl_easy_init`.
  private func open() -> UnsafeMutableRawPointer? {
    guard let curl = curl_easy_init() else { return nil }
    handle = curl
    tm_curl_set_text(curl, CURLOPT_URL, server.url)
    tm_curl_set_text(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
    tm_curl_set_text(curl, CURLOPT_NOPROXY, "*")
    tm_curl_set_long(curl, CURLOPT_NOSIGNAL, 1)
    // Do not wait beyond the deadline for a name to be looked up.
    tm_curl_set_long(curl, CURLOPT_QUICK_EXIT, 1)
    tm_curl_set_long(
      curl,
      CURLOPT_USE_SSL,
      Int((requiresTLS ? CURLUSESSL_ALL : CURLUSESSL_TRY).rawValue)
    )
    if let caFile { tm_curl_set_text(curl, CURLOPT_CAINFO, caFile) }
    if let user { tm_curl_set_text(curl, CURLOPT_USERNAME, user) }
    if let password { tm_curl_set_text(curl, CURLOPT_PASSWORD, password) }
    tm_curl_set_long(curl, CURLOPT_UPLOAD, 1)
    tm_curl_set_receiver(curl, CURLOPT_READFUNCTION) { bytes, size, count, attempt in
      guard let bytes, let attempt else { return 0 }
      let room = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
      return MailAttempt.at(attempt).read(into: room)
    }
    // Called for each line of a reply. Returning fewer bytes than were given ends the transfer.
    tm_curl_set_receiver(curl, CURLOPT_HEADERFUNCTION) { bytes, size, count, attempt in
      guard let bytes, let attempt else { return 0 }
      let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
      return MailAttempt.at(attempt).add(line: line) ? line.count : 0
    }
    return curl
  }

  private func prepare(
    _ curl: UnsafeMutableRawPointer,
    _ attempt: MailAttempt,
    _ count: Int,
    _ milliseconds: Int
  ) {
    let receiver = Unmanaged.passUnretained(attempt).toOpaque()
    tm_curl_set_pointer(curl, CURLOPT_READDATA, receiver)
    tm_curl_set_pointer(curl, CURLOPT_HEADERDATA, receiver)
    let observer: curl_debug_callback = { curl, kind, bytes, count, receiver in
      guard kind == CURLINFO_HEADER_OUT, let bytes, let receiver else { return 0 }
      let attempt = MailAttempt.at(receiver)
      attempt.sent(UnsafeRawBufferPointer(start: bytes, count: count))
      // libcurl sends QUIT after a refusal, and would wait two minutes for the reply.
      if attempt.isOver, let curl { tm_curl_set_long(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, 1) }
      return 0
    }
    tm_curl_set_observer(curl, observer, receiver)
    tm_curl_set_long(curl, CURLOPT_INFILESIZE, count)
    tm_curl_set_long(curl, CURLOPT_TIMEOUT_MS, milliseconds)
    tm_curl_set_long(
      curl,
      CURLOPT_CONNECTTIMEOUT_MS,
      min(milliseconds, connectTimeoutMilliseconds)
    )
  }
}
