private import CHTTP2
import Glibc

/// One process that answers gRPC calls with a stream in each direction, over HTTP/2 without TLS, from the
/// listening socket that it was started with. Each message is answered as soon as it has arrived.
///
/// The gateway opens a connection for each call; many may be open and idle at once, so one `poll` waits for
/// all of them.
public struct StreamWorker {
  /// The answer to a message: messages in their frames, and the status that ends the call, empty when
  /// it goes on.
  public typealias Answer = (body: [UInt8], trailers: [(name: String, value: String)])

  /// The reason why a worker cannot go on.
  public struct Failure: Error {
    /// One sentence.
    public let message: String
  }

  /// Answers a message, the call's first or a later one. `headers` are the call's, by their names in lower
  /// case.
  public typealias Respond = (
    _ headers: [String: String], _ frame: [UInt8], _ isFirst: Bool
  ) -> Answer

  /// The most connections at once. For another, the one that has been silent for longest is closed.
  private static let maximumConnections = 100
  /// The time that a connection may be silent.
  private static let idleSeconds = 20
  /// The time that answers under way may take to be sent when the worker is to end.
  private static let farewellSeconds = 1

  /// A worker.
  public init() {}

  /// Serves until SIGTERM or SIGINT.
  ///
  /// - Throws: `Failure`.
  public func serve(_ respond: @escaping Respond) throws {
    let listener: Int32 = 0
    signal(SIGTERM) { _ in stopRequested = 1 }
    signal(SIGINT) { _ in stopRequested = 1 }
    signal(SIGPIPE, SIG_IGN)
    _ = fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK)
    var connections: [Connection] = []
    var end: Int?
    while end.map({ !connections.isEmpty && monotonicSeconds() <= $0 }) ?? true {
      if stopRequested != 0, end == nil {
        end = monotonicSeconds() + Self.farewellSeconds
        for connection in connections { connection.sayFarewell() }
      }
      var waiting = connections.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
      if end == nil { waiting.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0)) }
      // A signal that comes just before the wait is noticed a moment later.
      guard poll(&waiting, nfds_t(waiting.count), end == nil ? 500 : 50) >= 0 || errno == EINTR
      else {
        throw Failure(message: "waiting for connections failed: errno \(errno)")
      }
      let now = monotonicSeconds()
      for (connection, entry) in zip(connections, waiting) where entry.revents != 0 {
        connection.proceed(at: now)
      }
      connections.removeAll { $0.isDone || now - $0.lastHeard > Self.idleSeconds }
      if end == nil, waiting.last?.revents != 0 {
        let accepted = accept(listener, nil, nil)
        guard accepted >= 0 else { continue }
        if connections.count == Self.maximumConnections,
          let oldest = connections.indices.min(by: {
            connections[$0].lastHeard < connections[$1].lastHeard
          })
        {
          connections.remove(at: oldest)
        }
        connections.append(Connection(accepted, respond, at: now))
      }
    }
  }
}

/// The seconds of the monotonic clock.
private func monotonicSeconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec
}

/// Set by the signal handlers.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0

/// One HTTP/2 connection of the gateway.
private final class Connection {
  private static let readBytes = 65_536

  let descriptor: Int32
  /// The time when something was last sent or received, in monotonic seconds.
  private(set) var lastHeard: Int
  private let respond: StreamWorker.Respond
  private var session: OpaquePointer?
  private var streams: [Int32: Stream] = [:]
  private var isBroken = false
  /// The bytes that nghttp2 has handed out and the socket has not accepted yet.
  private var pending: ArraySlice<UInt8> = []

  /// Takes over an accepted socket. The corresponding C function is `nghttp2_session_server_new`.
  init(_ descriptor: Int32, _ respond: @escaping StreamWorker.Respond, at now: Int) {
    self.descriptor = descriptor
    lastHeard = now
    self.respond = respond
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var callbacks: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    defer { nghttp2_session_callbacks_del(callbacks) }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _,
      frame,
      name,
      nameLength,
      value,
      valueLength,
      _,
      context in
      Connection.from(context).add(
        header: (name, nameLength),
        (value, valueLength),
        to: tm_http2_stream(frame)
      )
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _,
      _,
      stream,
      bytes,
      length,
      context in
      Connection.from(context).add(UnsafeBufferPointer(start: bytes, count: length), to: stream)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
      if tm_http2_flags(frame) & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 {
        Connection.from(context).end(tm_http2_stream(frame))
      }
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, _, context in
      Connection.from(context).streams[stream] = nil
      return 0
    }
    nghttp2_session_server_new(&session, callbacks, Unmanaged.passUnretained(self).toOpaque())
    nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil, 0)
  }

  deinit {
    nghttp2_session_del(session)
    close(descriptor)
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> Connection {
    // The session has this pointer from its connection, which outlives it.
    Unmanaged<Connection>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  /// The events to wait for.
  var events: Int16 {
    Int16(POLLIN) | (hasSomethingToWrite ? Int16(POLLOUT) : 0)
  }

  private var hasSomethingToWrite: Bool {
    !pending.isEmpty || nghttp2_session_want_write(session) != 0
  }

  /// Whether there is nothing more to do.
  var isDone: Bool {
    isBroken || nghttp2_session_want_read(session) == 0 && !hasSomethingToWrite
  }

  /// Ends every call with a status, because the worker is about to end. The gateway then closes.
  func sayFarewell() {
    for (number, stream) in streams where stream.trailers.isEmpty {
      stream.trailers = [
        ("grpc-status", "14"), ("grpc-message", "the server is being replaced: try again"),
      ]
      go(on: number, stream)
    }
    write()
  }

  /// Reads what has arrived, answers it, and writes as much as possible without waiting.
  func proceed(at now: Int) {
    var buffer = [UInt8](repeating: 0, count: Self.readBytes)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { isBroken = true }
    if count > 0 {
      lastHeard = now
      if nghttp2_session_mem_recv(session, buffer, count) < 0 { isBroken = true }
    }
    if write() { lastHeard = now }
  }

  /// Writes as much as possible. nghttp2 forgets the bytes that it has handed out, so the rest of them is kept.
  ///
  /// - Returns: whether anything was written.
  @discardableResult
  private func write() -> Bool {
    var hasWritten = false
    while !isBroken {
      if pending.isEmpty {
        var bytes: UnsafePointer<UInt8>?
        let count = nghttp2_session_mem_send(session, &bytes)
        if count < 0 { isBroken = true }
        guard count > 0, let bytes else { break }
        pending = Array(UnsafeBufferPointer(start: bytes, count: count))[...]
      }
      let sent = pending.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) }
      guard sent > 0 else {
        if errno != EAGAIN && errno != EINTR { isBroken = true }
        break
      }
      hasWritten = true
      pending = pending.dropFirst(sent)
    }
    return hasWritten
  }

  // MARK: Streams

  private func add(
    header name: (UnsafePointer<UInt8>?, Int),
    _ value: (UnsafePointer<UInt8>?, Int),
    to number: Int32
  ) {
    func text(_ part: (UnsafePointer<UInt8>?, Int)) -> String {
      String(decoding: UnsafeBufferPointer(start: part.0, count: part.1), as: UTF8.self)
    }
    let stream = streams[number] ?? Stream()
    streams[number] = stream
    stream.headers[text(name)] = text(value)
  }

  private func add(_ bytes: UnsafeBufferPointer<UInt8>, to number: Int32) {
    guard let stream = streams[number], stream.trailers.isEmpty else { return }
    stream.received.append(contentsOf: bytes)
    advance(stream)
    if !stream.unsent.isEmpty || !stream.trailers.isEmpty { go(on: number, stream) }
  }

  private func end(_ number: Int32) {
    guard let stream = streams[number] else { return }
    stream.hasEnded = true
    advance(stream)
    go(on: number, stream)
  }

  /// Answers the messages that have arrived, as long as there is room for the answers; the rest waits.
  private func advance(_ stream: Stream) {
    while stream.trailers.isEmpty, stream.unsent.count < Stream.maximumUnsentBytes {
      guard let frame = stream.nextFrame() else {
        if stream.hasEnded { stream.trailers = [("grpc-status", "0")] }
        return
      }
      stream.questions += 1
      guard stream.questions <= Stream.maximumQuestions else {
        return stream.refuse("the call must have at most \(Stream.maximumQuestions) messages")
      }
      let answer = respond(stream.headers, frame, stream.questions == 1)
      stream.unsent += answer.body
      stream.trailers = answer.trailers
    }
    if stream.trailers.isEmpty, stream.received.count > Stream.maximumFrameBytes {
      stream.refuse("the answers are not read")
    }
  }

  private func go(on number: Int32, _ stream: Stream) {
    guard !stream.isAnswered else {
      nghttp2_session_resume_data(session, number)
      return
    }
    stream.isAnswered = true
    withTexts([(":status", "200"), ("content-type", "application/grpc")]) { texts, count in
      _ = tm_http2_respond(session, number, texts, count) {
        _,
        number,
        buffer,
        length,
        flags,
        _,
        context in
        Connection.from(context).give(number, buffer, length, flags)
      }
    }
  }

  /// Gives nghttp2 data of a stream. The corresponding C type is `nghttp2_data_source_read_callback`.
  private func give(
    _ number: Int32,
    _ buffer: UnsafeMutablePointer<UInt8>?,
    _ length: Int,
    _ flags: UnsafeMutablePointer<UInt32>?
  ) -> Int {
    guard let stream = streams[number], let buffer, let flags else {
      return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    advance(stream)
    let count = min(length, stream.unsent.count)
    for index in 0..<count { buffer[index] = stream.unsent[index] }
    stream.unsent.removeFirst(count)
    guard stream.unsent.isEmpty else { return count }
    if !stream.trailers.isEmpty {
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
      withTexts(stream.trailers) { texts, count in
        _ = tm_http2_trailers(session, number, texts, count)
      }
      return count
    }
    return count > 0 ? count : Int(NGHTTP2_ERR_DEFERRED.rawValue)
  }

  /// Names and values, one after the other, as C strings.
  private func withTexts(
    _ fields: [(name: String, value: String)],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?, Int) -> Void
  ) {
    let texts = fields.flatMap { [strdup($0.name), strdup($0.value)] }
    defer { for text in texts { free(text) } }
    texts.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
  }

  /// One call.
  private final class Stream {
    /// The largest message that is waited for; a larger one is refused as soon as its length is known.
    static let maximumFrameBytes = 1_048_576 + 5
    /// The most bytes of answers that wait for the client to read them; beyond it, the client's questions wait.
    static let maximumUnsentBytes = 262_144
    /// The most messages of a call.
    static let maximumQuestions = 100

    var headers: [String: String] = [:]
    var received: [UInt8] = []
    var unsent: [UInt8] = []
    var questions = 0
    /// Whether the client has ended its stream.
    var hasEnded = false
    /// The trailers that end the call, once they are known.
    var trailers: [(name: String, value: String)] = []
    var isAnswered = false

    /// The next message in its frame, if it has arrived. One that is too large, or cut off by the end of the call,
    /// is returned as far as it has arrived, to be refused.
    func nextFrame() -> [UInt8]? {
      guard !received.isEmpty, received.count >= 5 || hasEnded else { return nil }
      let length = 5 + received.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
      guard received.count >= length || hasEnded || length > Self.maximumFrameBytes else {
        return nil
      }
      defer { received.removeFirst(min(length, received.count)) }
      return Array(received.prefix(length))
    }

    func refuse(_ message: String) { trailers = [("grpc-status", "8"), ("grpc-message", message)] }
  }
}
