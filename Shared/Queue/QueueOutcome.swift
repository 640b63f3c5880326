public import Values

/// The outcome of processing an item.
public enum QueueOutcome: Equatable, Sendable {
  /// It is done. The remark tells what did not work out all the same.
  case completed(remark: String? = nil)
  /// It is waiting for something, and to be resumed at a time; nothing is wrong, so this is no attempt.
  case resume(reason: String, at: Instant)
  /// It came to nothing, and is to be tried again at a time. `isAttempt` is whether it counts as one: not when nobody
  /// was there to take it, for instance.
  case retry(reason: String, at: Instant, isAttempt: Bool)
  /// It will never be done.
  case discarded(reason: String)
}
