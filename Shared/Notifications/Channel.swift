import API
import Stores
import Values

/// A way by which notifications go out.
protocol Channel: AnyObject {
  /// The notifications that go this way.
  var type: NotificationType { get }
  /// How long one may take when somebody waits for the answer.
  var atOnceMilliseconds: Int { get }
  /// How long one may take when nobody does.
  var atLeisureMilliseconds: Int { get }
  /// Whether all go to one server, so that when it is away there is no use in trying others.
  var hasOneServer: Bool { get }
  /// How many words of a reason name nobody, so that the log may have them.
  var loggedWords: Int { get }

  /// Why nothing can be sent at the moment, whatever it is; `nil` when one may try, and then must.
  func obstacle(at now: Instant) -> String?

  /// Tries one. `client` is the deadline of a client who waits for the answer, and `nil` when nobody does.
  ///
  /// - Throws: `DatabaseError`.
  func send(_ attempt: NotificationStore.Attempt, before deadline: Deadline, for client: Deadline?)
    throws
    -> Fate
}

/// What becomes of a notification after an attempt.
enum Fate: Equatable {
  /// It has been taken over; `remark` is why some of several servers have not.
  case sent(remark: String? = nil)
  /// Tried in vain, and to be tried again, not before so many seconds.
  case postponed(reason: String, atLeastSeconds: Int, hasArrived: Bool = false)
  /// Nobody was there to take it, which is no attempt; when to try again.
  case unattended(reason: String, next: Instant, hasArrived: Bool = false)
  /// There is no use in trying again.
  case givenUp(reason: String)

  /// What becomes of one that has been tried for long enough.
  static func atItsEnd(_ reason: String, _ hasArrived: Bool) -> Fate {
    hasArrived ? .sent(remark: reason) : .givenUp(reason: reason)
  }

  /// Why it came to nothing, or not to all that it might have.
  var reason: String? {
    switch self {
    case .sent(let remark): remark
    case .postponed(let reason, _, _), .unattended(let reason, _, _), .givenUp(let reason): reason
    }
  }
}
