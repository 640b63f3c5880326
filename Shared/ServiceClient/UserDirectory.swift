public import API
public import Endpoint
public import Values

/// What the User service knows, for services that have the ids of users and nothing else.
public struct UserDirectory {
  /// What it says of a user.
  public enum Answer: Equatable, Sendable {
    /// There is; this is what the service says of them.
    case known(UserMessage)
    case unknown
    /// The User service does not say.
    case silence
  }

  /// Asks. `context` is of the request on whose behalf it is.
  public typealias Question = (_ user: ID, _ context: Context) -> Answer

  /// How long an answer may take, in milliseconds: what is asked for is good to know, not needed.
  private static let patienceMilliseconds = 300

  private let question: Question

  /// A directory that asks in some way.
  public init(_ question: @escaping Question) { self.question = question }

  /// The directory of the User service; without its URL, and while it is down, nobody answers.
  public init(_ access: ServiceAccess) {
    guard let client = ServiceClient(access) else {
      question = { _, _ in .silence }
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
        return .silence
      }
    }
  }

  /// What can be told of a user quickly.
  public func answer(about user: ID, in context: Context) -> Answer { question(user, context) }
}
