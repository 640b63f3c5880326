import Endpoint
import Glibc
import JSON
import Runtime
import Tokens

// The gateway's socket for probes sends a method that no client can send: nginx refuses it at every port.
extension Invocation {
  static var probeMethod: String { "PROBE" }

  /// The answer of a worker to the question whether it can answer: its function, its process, and the state of its
  /// keys. Nothing else is touched, and nothing logged.
  var probeReply: [UInt8] {
    var json = JSONWriter(capacity: 256)
    json.beginObject()
    json.member("function", F.contract.name)
    json.member("pid", Int64(getpid()))
    do {
      switch try resources.keyState {
      case .usable(let keyID)?:
        json.member("keys", "UP")
        json.member("key_id", keyID)
      case .stale(let reason)?:
        json.member("keys", "STALE")
        json.member("reason", reason)
      case .unusable(let reason)?:
        json.member("keys", "DOWN")
        json.member("reason", reason)
      case nil: break
      }
    } catch {
      json.member("keys", "DOWN")
      json.member("reason", Diagnostics.reason(of: error))
    }
    json.endObject()
    return Array(
      "Content-Type: application/json\r\nContent-Length: \(json.bytes.count)\r\n\r\n".utf8
    )
      + json.bytes
  }
}
