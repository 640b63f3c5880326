public import Values

/// A sign-in: a family of refresh tokens that succeed each other, numbered by generation from 0.
public struct Session: Equatable, Sendable {
  /// The `sid` of its access tokens.
  public var id: ID
  /// The user who is signed in.
  public var userID: ID
  /// The newest token's generation.
  public var generation: Int
  /// The key that the newest token was made with.
  public var keyID: String
  /// The first generation made with that key.
  public var keyGeneration: Int
  /// The key of the generations before that.
  public var olderKeyID: String?
  /// The times when the last generations were replaced, oldest first; the last entry belongs to `generation - 1`.
  public var rotations: [Instant]
  /// The time when the newest token expires.
  public var expiresAt: Instant
  /// Whether it was ended: by a sign-out, a re-use, a new password or a new role.
  public var hasEnded: Bool

  /// A session.
  public init(
    id: ID,
    userID: ID,
    generation: Int = 0,
    keyID: String,
    keyGeneration: Int = 0,
    olderKeyID: String? = nil,
    rotations: [Instant] = [],
    expiresAt: Instant,
    hasEnded: Bool = false
  ) {
    self.id = id
    self.userID = userID
    self.generation = generation
    self.keyID = keyID
    self.keyGeneration = keyGeneration
    self.olderKeyID = olderKeyID
    self.rotations = rotations
    self.expiresAt = expiresAt
    self.hasEnded = hasEnded
  }

  /// The consequence of presenting a genuine token of some generation.
  public enum Verdict: Equatable, Sendable {
    /// The newest token, used for the first time: it gets a successor.
    case rotate
    /// A token that was replaced already, presented by a client that lost the answer or asked twice at once: it
    /// gets the same successor as before, of this generation.
    case again(generation: Int)
    /// A token that somebody else has used since: the family ends.
    case reused
    /// The token is too old.
    case expired
    /// The family has already ended.
    case ended
    /// A token that this session has never issued, e.g. because the database was restored from a backup.
    case unknown
  }

  /// Decides about a presented token. A replaced token counts as lost rather than stolen while its successor has
  /// never been used, and in any case within `graceSeconds` of its replacement.
  public func verdict(on presented: Int, at now: Instant, graceSeconds: Int64) -> Verdict {
    if hasEnded { return .ended }
    if presented > generation { return .unknown }
    if expiresAt <= now { return .expired }
    if presented == generation { return .rotate }
    if presented == generation - 1 { return .again(generation: generation) }
    let index = rotations.count - (generation - presented)
    if index >= 0, rotations[index].adding(seconds: graceSeconds) > now {
      return .again(generation: presented + 1)
    }
    return .reused
  }

  /// Begins the next generation, made with `keyID` and expiring at `expiresAt`. Rotations that no longer matter
  /// are forgotten; at most 64 are kept.
  public mutating func rotate(
    keyID: String,
    at now: Instant,
    expiresAt: Instant,
    graceSeconds: Int64
  ) {
    rotations = rotations.filter { $0.adding(seconds: graceSeconds) > now }.suffix(63) + [now]
    generation += 1
    if keyID != self.keyID {
      olderKeyID = self.keyID
      self.keyID = keyID
      keyGeneration = generation
    }
    self.expiresAt = expiresAt
  }

  /// The key of a generation's token.
  public func keyID(of generation: Int) -> String {
    generation >= keyGeneration ? keyID : olderKeyID ?? keyID
  }
}
