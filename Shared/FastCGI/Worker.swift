private import CFastCGI
import Glibc

/// One process of a pool: takes connections from the listening socket that it was started with, one after
/// the other, until it is told to stop.
///
/// libfcgi neither repeats a call that a signal interrupts (a SIGTERM would cut a body short) nor bounds
/// the time of a read. So signals are blocked except in the wait for the next connection, and an alarm
/// ends a worker that is stuck in an exchange.
public struct Worker {
  /// Bounds of a worker.
  public struct Limits: Sendable {
    /// Largest body that is read, in bytes.
    public var maximumBodyBytes: Int
    /// Requests after which the process ends; 0 for never.
    public var maximumRequests: Int
    /// Seconds after which an exchange that makes no progress ends the process.
    public var stuckSeconds: UInt32

    /// Limits.
    public init(maximumBodyBytes: Int, maximumRequests: Int, stuckSeconds: UInt32) {
      self.maximumBodyBytes = maximumBodyBytes
      self.maximumRequests = maximumRequests
      self.stuckSeconds = stuckSeconds
    }
  }

  /// What keeps a worker from starting.
  public struct Failure: Error {
    /// One sentence.
    public let message: String
  }

  /// How long nobody must have come before it is quiet.
  private static let lingerMilliseconds: Int32 = 10

  private let limits: Limits

  /// A worker with limits.
  public init(limits: Limits) { self.limits = limits }

  /// Whether standard input is a listening socket, as a FastCGI process manager passes it. Where it is
  /// not, the process was started by hand or as plain CGI.
  public static var isStartedByProcessManager: Bool { FCGX_IsCGI() == 0 }

  /// Serves until SIGTERM or SIGINT, or until the request limit is reached, and ends the request in hand
  /// first. `idle` is called when there has been nobody to answer for a moment.
  ///
  /// - Throws: `Failure`.
  public func serve(
    idle: () -> Void = {},
    _ respond: (GatewayRequest) -> GatewayReply
  ) throws {
    var waitMask = sigset_t()
    prepareSignals(waitMask: &waitMask)
    let listener: Int32 = 0
    let waiter = tm_make_waiter(listener)
    var request = FCGX_Request()
    guard waiter >= 0, FCGX_Init() == 0,
      FCGX_InitRequest(&request, listener, Int32(FCGI_FAIL_ACCEPT_ON_INTR)) == 0,
      tm_set_nonblocking(listener) == 0
    else { throw Failure(message: "standard input is not a FastCGI socket") }
    defer { idle() }
    var watchdog = Watchdog(seconds: limits.stuckSeconds)
    var served = 0
    while stopRequested == 0 {
      let now = seconds()
      watchdog.begin(at: now)
      guard FCGX_Accept_r(&request) == 0 else {
        watchdog.end()
        // Where requests follow each other, what is left for quiet times is done for several at once.
        var ready = tm_wait(waiter, Self.lingerMilliseconds, &waitMask)
        if ready == 0, stopRequested == 0 {
          idle()
          ready = tm_wait(waiter, -1, &waitMask)
        }
        guard ready >= 0 else {
          throw Failure(message: "waiting for a connection failed: errno \(errno)")
        }
        continue
      }
      exchange(&request, respond)
      watchdog.end()
      served += 1
      if served == limits.maximumRequests || isToldToStop { return }
    }
  }

  private func exchange(_ request: inout FCGX_Request, _ respond: (GatewayRequest) -> GatewayReply)
  {
    let length =
      FCGX_GetParam("CONTENT_LENGTH", request.envp).flatMap { Int(String(cString: $0)) } ?? 0
    let isTooLarge = length > limits.maximumBodyBytes
    let body = isTooLarge ? [] : read(max(0, length), from: request.in)
    // A body that ends early is a client that has gone, and so is a hang-up: there is nobody to answer,
    // and nothing must be done for half a request.
    if isTooLarge || (body.count == max(0, length) && tm_peer_is_gone(request.ipcFd) == 0) {
      let reply = respond(
        GatewayRequest(variables: request.envp, body: body, isTooLarge: isTooLarge)
      )
      send(reply.bytes, requestID: request.requestId, to: request.ipcFd)
    }
    // The quick close: without it libfcgi waits until the gateway has closed too. It is safe only when
    // all that the gateway sent has been read; otherwise the reset would overtake the answer.
    let isAllRead = !isTooLarge && FCGX_GetChar(request.in) == -1
    if isAllRead { FCGX_Detach(&request) }
    // The connection is closed, though the gateway asks to keep it, which it does only to have cut answers
    // noticed; see nginx/function.conf.
    FCGX_Free(&request, 1)
  }

  private func read(_ length: Int, from stream: UnsafeMutablePointer<FCGX_Stream>?) -> [UInt8] {
    guard length > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      buffer.withMemoryRebound(to: CChar.self) {
        count = max(0, Int(FCGX_GetStr($0.baseAddress, Int32(length), stream)))
      }
    }
  }

  /// Sends an answer and its end as one piece. libfcgi would send it in pieces of 8 kB, and wake the gateway for each.
  private func send(_ bytes: [UInt8], requestID: Int32, to descriptor: Int32) {
    let frame = Records.frame(of: bytes.count, requestID: UInt16(truncatingIfNeeded: requestID))
    bytes.withUnsafeBytes { content in
      frame.bytes.withUnsafeBytes { headers in
        // Headers and pieces of content by turns, the headers in the place where they stand in `frame`.
        var parts: [iovec] = []
        parts.reserveCapacity(frame.pieces.count * 2 + 1)
        for (number, piece) in frame.pieces.enumerated() {
          parts.append(part(of: headers, Records.headers(before: number)))
          parts.append(part(of: content, piece))
        }
        parts.append(
          part(of: headers, Records.headers(before: frame.pieces.count).lowerBound..<headers.count)
        )
        sendAll(&parts, to: descriptor)
      }
    }
  }

  private func part(of bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> iovec {
    iovec(
      iov_base: UnsafeMutableRawPointer(
        mutating: bytes.baseAddress?.advanced(by: range.lowerBound)
      ),
      iov_len: range.count
    )
  }

  private func sendAll(_ parts: inout [iovec], to descriptor: Int32) {
    var first = 0
    while first < parts.count {
      var sent = parts[first...].withUnsafeBufferPointer {
        writev(descriptor, $0.baseAddress, Int32(min($0.count, 64)))
      }
      guard sent > 0 else { return }  // the gateway has gone
      while first < parts.count, sent >= parts[first].iov_len {
        sent -= parts[first].iov_len
        first += 1
      }
      if sent > 0 {
        parts[first].iov_base = parts[first].iov_base.advanced(by: sent)
        parts[first].iov_len -= sent
      }
    }
  }

  private func prepareSignals(waitMask: inout sigset_t) {
    signal(SIGTERM) { _ in stopRequested = 1 }
    signal(SIGINT) { _ in stopRequested = 1 }
    signal(SIGALRM) { _ in
      guard isBusy != 0 else { return }
      let message: StaticString = "stuck in an exchange: ending this worker\n"
      _ = Glibc.write(2, message.utf8Start, message.utf8CodeUnitCount)
      _exit(70)
    }
    signal(SIGPIPE, SIG_IGN)
    var blocked = sigset_t()
    sigfillset(&blocked)
    sigdelset(&blocked, SIGALRM)
    pthread_sigmask(SIG_SETMASK, &blocked, &waitMask)
    sigdelset(&waitMask, SIGTERM)
    sigdelset(&waitMask, SIGINT)
  }

  /// Whether somebody has asked the worker to stop. One that always finds a connection waiting never waits itself,
  /// so its signals stay pending.
  private var isToldToStop: Bool {
    var pending = sigset_t()
    sigpending(&pending)
    return sigismember(&pending, SIGTERM) != 0 || sigismember(&pending, SIGINT) != 0
  }
}

/// Ends the process when an exchange takes too long. The alarm is set again at most once a second: a call for each
/// exchange would cost more than it is worth.
private struct Watchdog {
  let seconds: UInt32
  private var setAt: Int?

  init(seconds: UInt32) { self.seconds = seconds }

  mutating func begin(at now: Int) {
    if setAt != now {
      alarm(seconds + 1)
      setAt = now
    }
    isBusy = 1
  }

  func end() { isBusy = 0 }
}

/// Seconds of the monotonic clock.
private func seconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
  return time.tv_sec
}

/// Set by the signal handlers, which run only while the worker waits.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0
/// Whether there is an exchange, or the look for one. Only then does the alarm end the process.
nonisolated(unsafe) private var isBusy: sig_atomic_t = 0
