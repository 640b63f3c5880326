public import API
public import Endpoint
public import Values

/// The users as the User service knows them, for services that have their ids and nothing else.
public struct UserDirectory {
  /// The answer about a user.
  public enum Answer: Equatable, Sendable {
    /// The user exists; this is what the service says of them.
    case known(UserMessage)
    /// There is no such user.
    case unknown
    /// The User service does not answer.
    case unavailable
  }

  /// Asks about a user. `context` is of the request on whose behalf it asks.
  public typealias Question = (_ user: ID, _ context: Context) -> Answer

  /// How long an answer may take, in milliseconds: it is good to have, not needed.
  private static let patienceMilliseconds = 300

  private let question: Question

  /// A directory that asks in some way.
  public init(_ question: @escaping Question) { self.question = question }

  /// The directory of the User service; without its URL, and while it is down, nobody answers.
  public init(_ access: ServiceAccess) {
    guard let client = ServiceClient(access) else {
      question = { _, _ in .unavailable }
      return
    }
    question = { user, context in
      do {
        let user: UserMessage = try client.call(
          "user.v1.UserService/GetUser",
          GetUserRequest.with { $0.id = user.text },
          in: context,
          withinMilliseconds: Self.patienceMilliseconds,
          isRepeatable: true
        )
        return .known(user)
      } catch let failure as CallFailure where failure.status == .notFound {
        return .unknown
      } catch {
        access.report("the User service says nothing about a user: \(error)")
        return .unavailable
      }
    }
  }

  /// What can be learnt of a user quickly.
  public func answer(about user: ID, in context: Context) -> Answer { question(user, context) }
}
