public import API
import Endpoint
public import Values

/// A valid reference to a user, who may have been deleted.
public struct UserReference: Sendable {
  /// The user's id.
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
  /// Checks the contact of a user.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public func check() throws {
    var violations = Violations()
    _ = violations.userID(userID)
    let email = violations.verbatim(email, "email", Bounds.SaveContactRequest.email)
    // An account may have a longer address, under an older rule.
    if email.utf8.count <= Bounds.User.email.upperBound {
      _ = violations.email(email)
    }
    // This host need not know the zone.
    _ = violations.text(timeZone, "time_zone", Bounds.User.timeZone)
    try violations.check()
  }
}
