public import API
import Endpoint
import Values

/// The credentials of a sign-in: a name and a password.
public struct Credentials: Sendable {
  /// The name of a user: the user name or the e-mail address.
  public enum Name: Equatable, Sendable {
    case username(String)
    case email(String)
  }

  /// The user's name.
  public let name: Name
  /// 1 to 1024 bytes. A password that is longer than bcrypt reads is wrong, and takes as long to check as others.
  public let password: String

  /// Checks a request.
  ///
  /// - Throws: `Problem` `INVALID_ARGUMENT` naming every wrong field.
  public init(_ request: LoginRequest) throws {
    var violations = Violations()
    if request.hasUsername == request.hasEmail {
      violations.add(
        "username",
        request.hasUsername ? "must not be given together with email" : "or email is required"
      )
    }
    name =
      request.hasUsername
      ? .username(violations.text(request.username, "username", Bounds.LoginRequest.username))
      : .email(
        request.hasEmail ? violations.knownEmail(request.email) : ""
      )
    if request.password.isEmpty { violations.add("password", "must not be empty") }
    if request.password.utf8.count > Bounds.LoginRequest.password.upperBound {
      violations.add(
        "password",
        "must have at most \(Bounds.LoginRequest.password.upperBound) bytes"
      )
    }
    try violations.check()
    password = request.password
  }
}

extension Violations {
  /// An address in the form in which accounts have it. One that is not valid belongs to no account, unless an older rule
  /// let it pass.
  fileprivate mutating func knownEmail(_ value: String) -> String {
    let text = text(value, "email", Bounds.LoginRequest.email)
    return (try? MailAddress(text))?.text ?? text
  }
}
