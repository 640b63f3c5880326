public import API
import Endpoint
public import Values

/// A sound reference to a user, who need not exist any more.
public struct UserReference: Sendable {
  /// Which user.
  public let id: ID

  /// Checks the field `user_id`.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT`.
  public init(_ userID: String) throws {
    var violations = Violations()
    id = violations.userID(userID)
    try violations.check()
  }
}

extension SaveContactRequest {
  /// Checks how to reach whom.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every bad field.
  public func check() throws {
    var violations = Violations()
    _ = violations.userID(userID)
    _ = violations.email(email)
    // Whether this host knows the zone does not matter here.
    _ = violations.text(timeZone, "time_zone", Bounds.User.timeZone)
    try violations.check()
  }
}
