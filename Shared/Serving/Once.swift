import API
import Endpoint
import Glibc
import JSON
import Runtime
import Values
import Wire

/// A call by hand, with the request message as JSON from standard input and the response message to standard output.
/// Anybody who can start the executable has access to its database and its keys, so the caller is trusted.
struct Once {
  /// Invalid arguments.
  struct Failure: OperatorError {
    let message: String
  }

  private let caller: Caller

  /// - Throws: `Failure`.
  init(arguments: [String]) throws {
    var rest = arguments[...]
    guard rest.popFirst() == "--once" else {
      throw Failure(message: "unknown argument \(arguments[0]); try --help")
    }
    guard let option = rest.popFirst() else {
      caller = .unknown
      return
    }
    guard option == "--as", let value = rest.popFirst(), rest.isEmpty else {
      throw Failure(message: "only --as USER_ID:ROLE may follow --once")
    }
    let parts = value.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let id = ID(String(parts[0])), let role = Role(name: String(parts[1]))
    else {
      throw Failure(
        message: "--as needs USER_ID:ROLE, a UUID and one of \(Role.names.joined(separator: ", "))"
      )
    }
    caller = Caller(userID: id, role: role)
  }

  /// Calls the function.
  ///
  /// - Returns: whether it succeeded.
  func run<F: Function>(_ invocation: Invocation<F>, at now: Instant) throws -> Bool {
    var json = JSONWriter()
    var succeeded = true
    do {
      let input = StandardStreams.read(atMost: HTTPRequest.maximumMessageBytes + 1)
      guard input.count <= HTTPRequest.maximumMessageBytes else {
        throw Problem(.payloadTooLarge)
      }
      switch F.access {
      case .anyone, .anyoneKnownOrNot: break
      case .signedIn, .roles:
        guard caller != .unknown else {
          throw Problem(.unauthenticated, "name a caller: --as USER_ID:ROLE")
        }
        try F.access.check(caller)
      }
      let context = Context(now: now, caller: caller, deadline: invocation.usualDeadline)
      try invocation.call(RESTDecoder.decode(json: input), context).write(to: &json)
    } catch {
      succeeded = false
      let problem = Problem(any: error)
      problem.write(to: &json)
      if let cause = problem.cause { StandardStreams.complain("cause: \(cause)") }
    }
    StandardStreams.write(json.bytes + [UInt8(ascii: "\n")])
    return succeeded
  }
}
