import API
import Stores
import Values

/// A way by which notifications go out.
protocol Channel: AnyObject {
  /// The type of the notifications that go this way.
  var type: NotificationType { get }
  /// How long one may take when a client waits for the answer.
  var atOnceMilliseconds: Int { get }
  /// How long one may take when nobody waits.
  var atLeisureMilliseconds: Int { get }
  /// Whether all go to one server, so that there is no point in trying others while it is away.
  var hasOneServer: Bool { get }
  /// How many words at the start of a reason identify nobody, so that the log may hold them.
  var loggedWords: Int { get }

  /// The reason why nothing can be sent at the moment; `nil` when one may try, and then must.
  func obstacle(at now: Instant) -> String?

  /// Tries to send one. `client` is the deadline of a client who waits for the answer; `nil` when nobody does.
  ///
  /// - Throws: `DatabaseError`.
  func send(_ attempt: NotificationStore.Attempt, before deadline: Deadline, for client: Deadline?)
    throws
    -> DeliveryResult
}
