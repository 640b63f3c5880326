private import CHTTP2
import Glibc

/// One process that answers gRPC calls whose messages are streams both ways, over HTTP/2 without TLS from the
/// listening socket that it was started with. Each message is answered as soon as it has come.
///
/// The gateway opens a connection for each call; many may be open at once and idle, so one `poll` waits for
/// all of them.
public struct StreamWorker {
  /// What comes back for a message: messages in their frames, and the status that ends the call, empty when
  /// it goes on.
  public typealias Answer = (body: [UInt8], trailers: [(name: String, value: String)])

  /// What keeps a worker from going on.
  public struct Failure: Error {
    /// One sentence.
    public let message: String
  }

  /// Answers a message. `headers` are the call's, by their names in lower case.
  public typealias Respond = (_ headers: [String: String], _ frame: [UInt8]) -> Answer

  /// Most connections at once; more wait in the socket's queue.
  private static let maximumConnections = 100
  /// How long calls that are under way may go on when the worker is to end, in milliseconds.
  private static let farewellMilliseconds = 1000

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
    var left = Self.farewellMilliseconds
    while stopRequested == 0 || !connections.isEmpty && left > 0 {
      var waiting = connections.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
      let isOpen = stopRequested == 0 && connections.count < Self.maximumConnections
      if isOpen { waiting.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0)) }
      // A signal that comes just before the wait is noticed a moment later.
      let step = stopRequested == 0 ? 500 : 50
      guard poll(&waiting, nfds_t(waiting.count), Int32(step)) >= 0 || errno == EINTR else {
        throw Failure(message: "waiting for connections failed: errno \(errno)")
      }
      if stopRequested != 0 { left -= step }
      for (connection, entry) in zip(connections, waiting) where entry.revents != 0 {
        connection.proceed()
      }
      connections.removeAll { $0.isDone }
      if isOpen, waiting.last?.revents != 0 {
        let accepted = accept(listener, nil, nil)
        if accepted >= 0 { connections.append(Connection(accepted, respond)) }
      }
    }
  }
}

/// Set by the signal handlers.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0

/// One HTTP/2 connection of the gateway.
private final class Connection {
  private static let readBytes = 65_536
  /// Most bytes of answers that wait for a client who asks and does not read.
  private static let maximumUnsentBytes = 4_194_304

  let descriptor: Int32
  private let respond: StreamWorker.Respond
  private var session: OpaquePointer?
  private var streams: [Int32: Stream] = [:]
  private var isBroken = false

  /// Takes over an accepted socket. The corresponding C function is `nghttp2_session_server_new`.
  init(_ descriptor: Int32, _ respond: @escaping StreamWorker.Respond) {
    self.descriptor = descriptor
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
    // The session has this pointer from its connection, which lives longer than it.
    Unmanaged<Connection>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  /// What to wait for.
  var events: Int16 {
    Int16(POLLIN) | (nghttp2_session_want_write(session) != 0 ? Int16(POLLOUT) : 0)
  }

  /// Whether there is nothing more to do.
  var isDone: Bool {
    isBroken
      || nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
  }

  /// Reads what has come, answers it, and writes what can be written.
  func proceed() {
    var buffer = [UInt8](repeating: 0, count: Self.readBytes)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { isBroken = true }
    if count > 0, nghttp2_session_mem_recv(session, buffer, count) < 0 { isBroken = true }
    while !isBroken {
      var bytes: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(session, &bytes)
      guard count > 0, let bytes else {
        if count < 0 { isBroken = true }
        return
      }
      send(bytes, count)
    }
  }

  /// nghttp2 forgets what it has handed out, so all of it is written; a gateway that does not read for a
  /// second is given up.
  private func send(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    var sent = 0
    while sent < count {
      let written = Glibc.send(descriptor, bytes + sent, count - sent, 0)
      if written > 0 {
        sent += written
        continue
      }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      guard written < 0, errno == EAGAIN, poll(&waiting, 1, 1000) > 0 else {
        isBroken = true
        return
      }
    }
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
    while stream.trailers.isEmpty, let frame = stream.nextFrame() {
      answer(frame, of: number, stream)
    }
  }

  private func end(_ number: Int32) {
    guard let stream = streams[number], stream.trailers.isEmpty else { return }
    // What is left is not a whole message, and is told so.
    if !stream.received.isEmpty { answer(stream.received, of: number, stream) }
    if stream.trailers.isEmpty { stream.trailers = [("grpc-status", "0")] }
    go(on: number, stream)
  }

  private func answer(_ frame: [UInt8], of number: Int32, _ stream: Stream) {
    let answer = respond(stream.headers, frame)
    stream.unsent += answer.body
    stream.trailers = answer.trailers
    if stream.unsent.count > Self.maximumUnsentBytes, stream.trailers.isEmpty {
      stream.trailers = [("grpc-status", "8"), ("grpc-message", "the answers are not read")]
    }
    go(on: number, stream)
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
    /// Largest message that is waited for; a larger one is answered as soon as its length is known.
    private static let maximumFrameBytes = 1_048_576 + 5

    var headers: [String: String] = [:]
    var received: [UInt8] = []
    var unsent: [UInt8] = []
    /// What ends the call, once that is known.
    var trailers: [(name: String, value: String)] = []
    var isAnswered = false

    /// The next message in its frame, if it is there.
    func nextFrame() -> [UInt8]? {
      guard received.count >= 5 else { return nil }
      let length = 5 + received[1..<5].reduce(0) { $0 << 8 | Int($1) }
      guard received.count >= min(length, Self.maximumFrameBytes) else { return nil }
      defer { received.removeFirst(min(length, received.count)) }
      return Array(received.prefix(length))
    }
  }
}
