import API
public import Endpoint
import FastCGI
import Glibc
import JSON
public import Runtime
import Telemetry
import Values
public import Wire

/// The `main` of every function. It serves a pool's socket, or answers a single request.
public enum Serving {
  /// The largest body in bytes: a message of 1 MiB, and the prefix that gRPC puts before it.
  private static let maximumBodyBytes = HTTPRequest.maximumMessageBytes + 5

  /// Runs a function until it is told to stop.
  ///
  /// Started by a process manager, it serves FastCGI from standard input. Started with `--once`, it reads
  /// the request message as JSON from standard input and writes the response message. Started in any other
  /// way, it answers one request as plain CGI.
  ///
  /// `streams` serves instead of FastCGI for a function whose gRPC method is a stream in both directions.
  public static func run<F: Function>(
    needsDatabase: Bool = true,
    streams: StreamLoop? = nil,
    _ make: (Resources) throws -> F
  ) where F.Request: RequestMessage, F.Response: ResponseMessage {
    let arguments = CommandLine.arguments
    let name = arguments[0].split(separator: "/").last.map(String.init) ?? "function"
    do {
      if arguments.contains("--help") { return print(help(name, F.self)) }
      if arguments.dropFirst() == ["--describe"] {
        return StandardStreams.write(Array("\(F.contract.description)\n".utf8))
      }
      let resources = try Resources(
        function: name,
        settings: .ofProcess,
        needsDatabase: needsDatabase
      )
      let invocation = try Invocation(make(resources), resources: resources)
      if arguments.count > 1 {
        let succeeded = try Once(arguments: Array(arguments.dropFirst())).run(
          invocation,
          at: resources.now
        )
        exit(succeeded ? 0 : 1)
      }
      if Worker.isStartedByProcessManager, let streams {
        try streams { answer(invocation, $0, $1, isFirst: $2) }
      } else if Worker.isStartedByProcessManager {
        try serve(invocation, settings: resources.settings, log: resources.log)
      } else {
        answerAsCGI(invocation)
      }
    } catch {
      Diagnostics.fail(name, error)
    }
  }

  private static func serve<F: Function>(
    _ invocation: Invocation<F>,
    settings: Settings,
    log: Log
  ) throws {
    log.gathers = true
    let deadlineSeconds = try settings[.deadlineMilliseconds] / 1000
    let worker = Worker(
      limits: Worker.Limits(
        maximumBodyBytes: maximumBodyBytes,
        maximumRequests: try settings[.maximumRequests],
        stuckSeconds: UInt32(deadlineSeconds + 26)
      )
    )
    try worker.serve(idle: log.flush) { gateway in
      // The closures do not outlive the exchange, nor do the variables.
      let request = HTTPRequest(variables: gateway.variable, body: gateway.body)
      return GatewayReply(
        bytes: invocation.answer(
          request,
          authorizations: gateway.count("HTTP_AUTHORIZATION"),
          isTooLarge: gateway.isTooLarge
        )
      )
    }
  }

  /// Serves gRPC streams from the listening socket on standard input, and requests an answer to each message in
  /// its frame. After an answer without trailers, the call goes on.
  public typealias StreamLoop = (
    _ answer:
      @escaping (_ headers: [String: String], _ frame: [UInt8], _ isFirst: Bool) -> StreamAnswer
  ) throws -> Void

  /// Messages in their frames, and the status that ends the call.
  public typealias StreamAnswer = (body: [UInt8], trailers: [(name: String, value: String)])

  /// Answers one message of a stream. The first message of a call is logged, and so is a refusal. The gateway's
  /// variables arrive as headers here.
  private static func answer<F: Function>(
    _ invocation: Invocation<F>,
    _ headers: [String: String],
    _ frame: [UInt8],
    isFirst: Bool
  ) -> StreamAnswer {
    func variable(_ name: StaticString) -> String? {
      switch name.description {
      case "RPC": headers[":path"]
      case "REQUEST_METHOD": headers[":method"]
      case "REQUEST_ID": headers["x-request-id"]
      case "SERVICE": headers["x-gateway-service"]
      case let name where name.hasPrefix("HTTP_"):
        headers[name.dropFirst(5).lowercased().replacing("_", with: "-")]
      default: nil
      }
    }
    let reply = invocation.respond(
      toRPC: HTTPRequest(variables: variable, body: frame),
      authorizations: headers["authorization"] == nil ? 0 : 1,
      logsSuccess: isFirst
    )
    return (reply.body, reply.status == .ok ? [] : reply.trailers)
  }

  /// Answers a single request, from the environment and standard input, on standard output. Source: RFC 3875.
  private static func answerAsCGI<F: Function>(_ invocation: Invocation<F>) {
    func variable(_ name: StaticString) -> String? {
      getenv(name.description).map { String(cString: $0) }
    }
    let length = variable("CONTENT_LENGTH").flatMap { Int($0) } ?? 0
    let isTooLarge = length > maximumBodyBytes
    let body = isTooLarge || length <= 0 ? [] : StandardStreams.read(atMost: length)
    StandardStreams.write(
      invocation.answer(
        HTTPRequest(variables: variable, body: body),
        authorizations: variable("HTTP_AUTHORIZATION") == nil ? 0 : 1,
        isTooLarge: isTooLarge
      )
    )
  }

  private static func help<F: Function>(_ name: String, _ function: F.Type) -> String {
    """
    \(name): \(F.route.methods.map(\.rawValue).joined(separator: ", ")) \(F.route.path)
    gRPC: \(F.route.rpc ?? "none")

    Usage: \(name)                             serve FastCGI from standard input (a listening socket), or
                                               answer one request as plain CGI
           \(name) --once [--as USER_ID:ROLE]  read the request's fields as one JSON object from standard
                                               input, write the answer; exit status 1 for a problem
           \(name) --describe                  route, messages, bounds and errors, as one line of JSON
           \(name) --help                      this text
    Settings come from the environment: DATABASE_URL, JWT_KEYS_FILE and others; see scripts/SETTINGS.md.
    """
  }
}

extension Worker.Failure: OperatorError {}
