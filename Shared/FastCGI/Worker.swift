private import CFastCGI
import Glibc

/// One process of a pool. It accepts connections from the listening socket that it was started with, one after
/// the other, until it is told to stop.
///
/// libfcgi neither repeats a call that a signal interrupts (a SIGTERM would cut a body short) nor limits
/// the time of a read. So signals are blocked except while waiting for the next connection, and an alarm
/// ends a worker that is stuck in an exchange.
public struct Worker {
  /// The limits of a worker.
  public struct Limits: Sendable {
    /// The largest body that is read, in bytes.
    public var maximumBodyBytes: Int
    /// The number of requests after which the process ends; 0 for never.
    public var maximumRequests: Int
    /// The seconds after which an exchange that makes no progress ends the process.
    public var stuckSeconds: UInt32

    /// Limits.
    public init(maximumBodyBytes: Int, maximumRequests: Int, stuckSeconds: UInt32) {
      self.maximumBodyBytes = maximumBodyBytes
      self.maximumRequests = maximumRequests
      self.stuckSeconds = stuckSeconds
    }
  }

  /// The reason why a worker cannot start.
  public struct Failure: Error {
    /// One sentence.
    public let message: String
  }

  /// The time without a connection after which the worker counts as idle.
  private static let lingerMilliseconds: Int32 = 10

  private let limits: Limits

  /// A worker with limits.
  public init(limits: Limits) { self.limits = limits }

  /// Whether standard input is a listening socket, as a FastCGI process manager passes it. If not, the process
  /// was started by hand or as plain CGI.
  public static var isStartedByProcessManager: Bool { FCGX_IsCGI() == 0 }

  /// Serves until SIGTERM or SIGINT, or until the request limit is reached, and completes the current request
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
        // While requests follow each other closely, work that can wait is done for several of them at once.
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
    // A body that ends early means that the client has gone, and so does a hang-up: there is nobody to answer,
    // and half a request must have no effect.
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
    // The connection is closed although the gateway asks to keep it: it does so only to notice answers that
    // are cut off; see nginx/function.conf.
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
        // Headers and pieces of content alternate; the headers are sent from their places in `frame`.
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

  /// Whether somebody has asked the worker to stop. If there is always a connection waiting, the worker never waits
  /// itself, and its signals stay pending.
  private var isToldToStop: Bool {
    var pending = sigset_t()
    sigpending(&pending)
    return sigismember(&pending, SIGTERM) != 0 || sigismember(&pending, SIGINT) != 0
  }
}

/// Ends the process when an exchange takes too long. The alarm is reset at most once a second: a call for each
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

/// The seconds of the monotonic clock.
private func seconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
  return time.tv_sec
}

/// Set by the signal handlers, which run only while the worker waits.
nonisolated(unsafe) private var stopRequested: sig_atomic_t = 0
/// Whether an exchange is under way, or a check for one. Only then does the alarm end the process.
nonisolated(unsafe) private var isBusy: sig_atomic_t = 0
