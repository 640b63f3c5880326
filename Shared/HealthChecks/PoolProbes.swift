private import CCurl
import JSON
public import Values

/// A pool of workers that can be probed.
public typealias Pool = (name: String, service: String)

/// What a worker says of itself.
public struct ProbeAnswer: Equatable, Sendable {
  /// The state of the keys for tokens.
  public enum Keys: String, Sendable {
    /// They sign and verify.
    case up = "UP"
    /// The key file is not usable, and the previous keys are still in use.
    case stale = "STALE"
    /// They cannot be used.
    case down = "DOWN"
  }

  /// The function that answered.
  public let function: String
  /// `nil` for a function without keys.
  public let keys: Keys?

  /// An answer.
  public init(function: String, keys: Keys?) {
    self.function = function
    self.keys = keys
  }

  /// Reads the answer of a worker; `nil` when it is none.
  init?(json: [UInt8]) {
    guard case .object(let members)? = try? JSONValue(parsing: json),
      let function = members["function"]?.string
    else { return nil }
    self.init(function: function, keys: members["keys"]?.string.flatMap(Keys.init))
  }
}

/// Asks pools whether a worker answers, all at the same time, through the gateway's socket for probes.
public final class PoolProbes {
  /// The time that all answers may take together, in milliseconds.
  private static let patienceMilliseconds = 1000
  private static let maximumAnswerBytes = 4096
  /// The answers count for so long: whoever asks often does not keep the workers from their work.
  private static let maximumAgeMicroseconds: Int64 = 1_000_000

  private let socket: String
  private let pools: [Pool]
  private var last: (answers: [String: ProbeAnswer], at: Instant)?

  /// Probes of pools through a Unix socket.
  public init(of pools: [Pool], through socket: String) {
    self.pools = pools
    self.socket = socket
  }

  /// The answers of the pools by their names. A pool that is missing has not answered in time, or not with its own
  /// name.
  public func answers(at now: Instant) -> [String: ProbeAnswer] {
    if let last, abs(now.microseconds - last.at.microseconds) < Self.maximumAgeMicroseconds {
      return last.answers
    }
    let answers = ask().filter { $0.key == $0.value.function }
    last = (answers, now)
    return answers
  }

  /// The corresponding C functions are `curl_multi_perform` and `curl_multi_poll`.
  private func ask() -> [String: ProbeAnswer] {
    guard let multi = curl_multi_init() else { return [:] }
    defer { curl_multi_cleanup(multi) }
    let probes = pools.compactMap { Probe($0.name, through: socket) }
    for probe in probes { curl_multi_add_handle(multi, probe.handle) }
    let deadline = Deadline(millisecondsFromNow: Self.patienceMilliseconds)
    var running: Int32 = 1
    while running > 0 {
      guard curl_multi_perform(multi, &running) == CURLM_OK else { break }
      let left = deadline.millisecondsLeft
      guard running > 0, left > 0 else { break }
      curl_multi_poll(multi, nil, 0, Int32(left), nil)
    }
    var answers: [String: ProbeAnswer] = [:]
    for probe in probes {
      curl_multi_remove_handle(multi, probe.handle)
      if let answer = probe.answer { answers[probe.name] = answer }
    }
    return answers
  }

  /// One request, of which nothing is kept.
  private final class Probe {
    let name: String
    let handle: UnsafeMutableRawPointer
    private var body: [UInt8] = []

    init?(_ name: String, through socket: String) {
      guard let handle = curl_easy_init() else { return nil }
      self.name = name
      self.handle = handle
      tm_curl_set_text(handle, CURLOPT_UNIX_SOCKET_PATH, socket)
      tm_curl_set_text(handle, CURLOPT_URL, "http://probe/\(name)")
      tm_curl_set_text(handle, CURLOPT_PROTOCOLS_STR, "http")
      tm_curl_set_text(handle, CURLOPT_NOPROXY, "*")
      tm_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
      tm_curl_set_long(handle, CURLOPT_TIMEOUT_MS, PoolProbes.patienceMilliseconds)
      tm_curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
      // Returning fewer bytes than were given ends the transfer.
      tm_curl_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, receiver in
        guard let bytes, let receiver else { return 0 }
        let probe = Unmanaged<Probe>.fromOpaque(receiver).takeUnretainedValue()
        probe.body += UnsafeRawBufferPointer(start: bytes, count: size * count)
        return probe.body.count <= PoolProbes.maximumAnswerBytes ? size * count : 0
      }
    }

    deinit { curl_easy_cleanup(handle) }

    var answer: ProbeAnswer? {
      guard tm_curl_response_code(handle) == 200 else { return nil }
      // A pool that speaks HTTP/2 says everything in trailers, which do not come this far.
      return body.isEmpty ? ProbeAnswer(function: name, keys: nil) : ProbeAnswer(json: body)
    }
  }
}
