public import API
import Endpoint
public import JSON
import Values

/// A response message that can be written as JSON. Every field is always there: `null` when it is not set,
/// `[]` when there is nothing in it.
public protocol ResponseMessage: RuledMessage {
  /// Writes the message as one JSON value.
  func write(to json: inout JSONWriter)

  /// The resource's version, for `ETag`; `nil` when it is no single resource.
  var entityVersion: Int64? { get }
  /// The resource's id, for `Location`.
  var entityID: String { get }
  /// The token of the next page, for `Link`; empty on the last one and for what has no pages.
  var followingPageToken: String { get }
}

extension ResponseMessage {
  /// No single resource.
  public var entityVersion: Int64? { nil }
  /// No single resource.
  public var entityID: String { "" }
  /// No pages.
  public var followingPageToken: String { "" }
}

extension Empty: ResponseMessage {
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
    json.name("id")
    json.value(id)
    json.name("title")
    json.value(title)
    json.name("description")
    json.value(hasDescription_p ? description_p : nil)
    json.name("status")
    json.value(status.name)
    json.name("priority")
    json.value(priority.name)
    json.name("user_id")
    json.value(userID)
    json.name("due_date")
    json.value(hasDueDate ? dueDate : nil)
    json.name("created_at")
    json.value(createdAt)
    json.name("updated_at")
    json.value(updatedAt)
    json.name("version")
    json.value(version)
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
    json.name("next_page_token")
    json.value(nextPageToken)
    json.endObject()
  }

  /// The next page's token.
  public var followingPageToken: String { nextPageToken }
}

extension UserMessage: ResponseMessage {
  /// Writes the user.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("id")
    json.value(id)
    json.name("username")
    json.value(username)
    json.name("email")
    json.value(email)
    json.name("full_name")
    json.value(hasFullName ? fullName : nil)
    json.name("role")
    json.value(role.name)
    json.name("time_zone")
    json.value(timeZone)
    json.name("created_at")
    json.value(createdAt)
    json.name("updated_at")
    json.value(updatedAt)
    json.name("version")
    json.value(version)
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
    json.name("next_page_token")
    json.value(nextPageToken)
    json.endObject()
  }

  /// The next page's token.
  public var followingPageToken: String { nextPageToken }
}

extension TokenResponse: ResponseMessage {
  /// Writes the pair of tokens.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("access_token")
    json.value(accessToken)
    json.name("refresh_token")
    json.value(refreshToken)
    json.name("token_type")
    json.value(tokenType)
    json.name("expires_in")
    json.value(expiresIn)
    json.name("user")
    user.write(to: &json)
    json.endObject()
  }
}

extension ValidateTokenResponse: ResponseMessage {
  /// Writes what the token says, or why it does not count.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("valid")
    json.value(valid)
    if valid {
      json.name("user_id")
      json.value(hasUserID ? userID : nil)
      json.name("username")
      json.value(hasUsername ? username : nil)
      json.name("role")
      json.value(role.name)
      json.name("expires_at")
      json.value(hasExpiresAt ? expiresAt : nil)
    } else {
      json.name("reason")
      json.value(reason)
    }
    json.endObject()
  }
}

extension ProbeResponse: ResponseMessage {
  /// Writes the state and what was looked at.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.name("status")
    json.value(status)
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
  /// Writes an RFC 3339 timestamp, or null.
  mutating func value(_ timestamp: Timestamp?) {
    guard let timestamp else { return null() }
    let instant = timestamp.instant
    plainValue(maximum: Instant.maximumLength) { instant.write(to: $0) }
  }
}
