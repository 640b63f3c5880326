public import API
public import Endpoint
public import JSON
import Values

/// The answer to the gateway's question about an access token.
public enum TokenVerdict: Equatable, Sendable {
  /// The token is valid.
  case valid
  /// The token is refused for this reason.
  case refused(Problem.Code)
}

/// A response message that can be written as JSON. Every field is always present: `null` when it is not set,
/// `[]` when it is empty. The code is generated from the contract.
public protocol ResponseMessage: Message {
  /// Writes the message as one JSON value.
  func write(to json: inout JSONWriter)

  /// Whether there is anything to write; if not, the status is 204.
  static var hasContent: Bool { get }
  /// The verdict for the gateway, which reads no body; `nil` for a message that it never requests.
  var verdict: TokenVerdict? { get }
  /// The resource's version, for `ETag`; `nil` when the message is not a single resource.
  var entityVersion: Int64? { get }
  /// The resource's id, for `Location`.
  var entityID: String { get }
  /// The token of the next page, for `Link`; empty on the last page and for a message without pages.
  var followingPageToken: String { get }
  /// Whether the request has been accepted but not completed, for status 202.
  var isPending: Bool { get }
}

extension ResponseMessage {
  /// There is.
  public static var hasContent: Bool { true }
  /// The gateway never asks for it.
  public var verdict: TokenVerdict? { nil }
  /// No single resource.
  public var entityVersion: Int64? { nil }
  /// No single resource.
  public var entityID: String { "" }
  /// No pages.
  public var followingPageToken: String { "" }
  /// Done.
  public var isPending: Bool { false }
}

extension Empty: ResponseMessage {
  /// There is nothing.
  public static var hasContent: Bool { false }

  /// Writes `{}`.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.endObject()
  }
}

extension ValidateTokenResponse {
  /// The same in one word.
  public var verdict: TokenVerdict? {
    valid ? .valid : .refused(Problem.Code(rawValue: reason) ?? .tokenInvalid)
  }
}

extension JSONWriter {
  /// Writes an array of whole numbers.
  mutating func value(_ numbers: [Int32]) {
    beginArray()
    for number in numbers { value(number) }
    endArray()
  }

  /// Writes a member that is an RFC 3339 timestamp, or null.
  mutating func member(_ name: StaticString, _ timestamp: Timestamp?) {
    guard let timestamp else { return nullMember(name) }
    self.name(name)
    value(timestamp)
  }

  /// Writes an RFC 3339 timestamp, or null.
  mutating func value(_ timestamp: Timestamp?) {
    guard let timestamp else { return null() }
    let instant = timestamp.instant
    plainValue(maximum: Instant.maximumLength) { instant.write(to: $0) }
  }
}
