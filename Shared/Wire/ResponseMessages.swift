public import API
public import Endpoint
public import JSON
import Values

/// The gateway's question about an access token, answered.
public enum TokenVerdict: Sendable {
  /// The token counts.
  case valid
  /// It does not, for this reason.
  case refused(Problem.Code)
}

/// A response message that can be written as JSON. Every field is always there: `null` when it is not set,
/// `[]` when there is nothing in it.
public protocol ResponseMessage: RuledMessage {
  /// Writes the message as one JSON value.
  func write(to json: inout JSONWriter)

  /// Whether there is anything to write; if not, the answer is a 204.
  static var hasContent: Bool { get }
  /// The verdict for the gateway, which reads no body; `nil` for a message that it never asks for.
  var verdict: TokenVerdict? { get }
  /// The resource's version, for `ETag`; `nil` when it is no single resource.
  var entityVersion: Int64? { get }
  /// The resource's id, for `Location`.
  var entityID: String { get }
  /// The token of the next page, for `Link`; empty on the last one and for what has no pages.
  var followingPageToken: String { get }
  /// Whether what was asked for is written down and still to be done: 202.
  var isPending: Bool { get }
  /// Whether that can be.
  static var maybePending: Bool { get }
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
  /// It cannot.
  public static var maybePending: Bool { false }
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

extension TaskMessage: ResponseMessage {
  /// Writes the task.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("id", id)
    json.member("title", title)
    json.member("description", hasDescription_p ? description_p : nil)
    json.member("status", status.name)
    json.member("priority", priority.name)
    json.member("user_id", userID)
    json.member("due_date", hasDueDate ? dueDate : nil)
    json.member("created_at", createdAt)
    json.member("updated_at", updatedAt)
    json.member("version", version)
    if hasReminders {
      json.name("reminders")
      json.value(reminders.minutes)
    } else {
      json.nullMember("reminders")
    }
    json.endObject()
  }

  /// The task's version.
  public var entityVersion: Int64? { version }
  /// The task's id.
  public var entityID: String { id }
}

extension ListTasksResponse: ResponseMessage {
  /// Writes the page.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("tasks")
    json.beginArray()
    // By index: a loop over the elements would copy each.
    for index in tasks.indices { tasks[index].write(to: &json) }
    json.endArray()
    json.member("next_page_token", nextPageToken)
    json.endObject()
  }

  /// The next page's token.
  public var followingPageToken: String { nextPageToken }
}

extension UserMessage: ResponseMessage {
  /// Writes the user.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("id", id)
    json.member("username", username)
    json.member("email", email)
    json.member("full_name", hasFullName ? fullName : nil)
    json.member("role", role.name)
    json.member("time_zone", timeZone)
    json.member("created_at", createdAt)
    json.member("updated_at", updatedAt)
    json.member("version", version)
    json.member("email_notifications", !hasEmailNotifications || emailNotifications)
    json.member("push_notifications", !hasPushNotifications || pushNotifications)
    json.endObject()
  }

  /// The user's version.
  public var entityVersion: Int64? { version }
  /// The user's id.
  public var entityID: String { id }
}

extension ListUsersResponse: ResponseMessage {
  /// Writes the page.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("users")
    json.beginArray()
    for user in users { user.write(to: &json) }
    json.endArray()
    json.member("next_page_token", nextPageToken)
    json.endObject()
  }

  /// The next page's token.
  public var followingPageToken: String { nextPageToken }
}

extension NotificationMessage: ResponseMessage {
  /// Writes the notification.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("id", id)
    json.member("type", type.name)
    json.member("recipient", recipient)
    json.member("subject", subject)
    json.member("body", body)
    json.member("sent", sent)
    json.member("created_at", createdAt)
    json.member("user_id", hasUserID ? userID : nil)
    json.member("sent_at", hasSentAt ? sentAt : nil)
    json.member("attempts", Int(attempts))
    json.member("next_attempt_at", hasNextAttemptAt ? nextAttemptAt : nil)
    json.member("last_error", hasLastError ? lastError : nil)
    json.endObject()
  }

  /// The notification's id.
  public var entityID: String { id }
  /// Whether it has not been sent yet.
  public var isPending: Bool { !sent }
  /// It can.
  public static var maybePending: Bool { true }
}

extension ListNotificationsResponse: ResponseMessage {
  /// Writes the page.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("notifications")
    json.beginArray()
    for notification in notifications { notification.write(to: &json) }
    json.endArray()
    json.member("next_page_token", nextPageToken)
    json.endObject()
  }

  /// The next page's token.
  public var followingPageToken: String { nextPageToken }
}

extension DeleteUserTasksResponse: ResponseMessage {
  /// Writes whether some are left.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("more", more)
    json.endObject()
  }
}

extension ForgetUserResponse: ResponseMessage {
  /// Writes whether some are left.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("more", more)
    json.endObject()
  }
}

extension SentNotifications: ResponseMessage {
  /// Writes what was written down.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("notifications")
    json.beginArray()
    for notification in notifications { notification.write(to: &json) }
    json.endArray()
    json.endObject()
  }
}

extension TokenResponse: ResponseMessage {
  /// Writes the pair of tokens.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("access_token", accessToken)
    json.member("refresh_token", refreshToken)
    json.member("token_type", tokenType)
    json.member("expires_in", expiresIn)
    json.name("user")
    user.write(to: &json)
    json.endObject()
  }
}

extension ValidateTokenResponse: ResponseMessage {
  /// Writes what the token says, or why it does not count.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("valid", valid)
    if valid {
      json.member("user_id", hasUserID ? userID : nil)
      json.member("username", hasUsername ? username : nil)
      json.member("role", role.name)
      json.member("expires_at", hasExpiresAt ? expiresAt : nil)
    } else {
      json.member("reason", reason)
    }
    json.endObject()
  }

  /// The same in one word.
  public var verdict: TokenVerdict? {
    valid ? .valid : .refused(Problem.Code(rawValue: reason) ?? .tokenInvalid)
  }
}

extension ProbeResponse: ResponseMessage {
  /// Writes the state and what was looked at.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("status", status)
    json.name("checks")
    json.beginObject()
    for (name, state) in checks.sorted(by: { $0.key < $1.key }) {
      json.name(name)
      json.value(state)
    }
    json.endObject()
    json.endObject()
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
