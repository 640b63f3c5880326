import Endpoint
import Testing
import Validation
import Values

struct `A session` {
  private static let graceSeconds: Int64 = 10
  private static let lifeSeconds: Int64 = 1000

  private func session() -> Session {
    Session(
      id: ID(stored: "s"),
      userID: ann.userID,
      keyID: "k1",
      expiresAt: now.adding(seconds: Self.lifeSeconds)
    )
  }

  /// A session that was refreshed at these seconds after `now`.
  private func session(rotatedAt seconds: Int64...) -> Session {
    var session = session()
    for second in seconds { session.rotate(at: second) }
    return session
  }

  @Test func `gives its newest token a successor`() {
    #expect(session().verdict(on: 0, after: 0) == .rotate)
    #expect(session(rotatedAt: 1, 2, 3).verdict(on: 3, after: 4) == .rotate)
  }

  @Test func `rotates to the next generation`() {
    let session = session(rotatedAt: 5)
    #expect(session.generation == 1)
    #expect(session.rotations == [now.adding(seconds: 5)])
    #expect(session.expiresAt == now.adding(seconds: 5 + Self.lifeSeconds))
  }

  /// Fifty at once with one token: the first rotates, the others get what it got.
  @Test func `gives a token that comes again the successor that it had`() {
    let session = session(rotatedAt: 5)
    for second: Int64 in [5, 6, 14, 15, 16, 900] {
      #expect(session.verdict(on: 0, after: second) == .again(generation: 1))
    }
  }

  @Test
  func `takes a replaced token for lost within the grace period only, once its successor was used`()
  {
    let session = session(rotatedAt: 0, 5)
    #expect(session.verdict(on: 0, after: 9) == .again(generation: 1))
    #expect(session.verdict(on: 0, microseconds: 9_999_999) == .again(generation: 1))
    #expect(session.verdict(on: 0, after: 10) == .reused)
    #expect(session.verdict(on: 0, after: 11) == .reused)
    // Its successor was replaced later, and that one's own successor was never used.
    #expect(session.verdict(on: 1, after: 500) == .again(generation: 2))
  }

  @Test func `counts each token's grace from its own replacement`() {
    let session = session(rotatedAt: 0, 4, 8, 12)
    let early = (0..<5).map { session.verdict(on: $0, after: 13) }
    #expect(
      early == [
        .reused, .again(generation: 2), .again(generation: 3), .again(generation: 4), .rotate,
      ]
    )
    let late = (0..<5).map { session.verdict(on: $0, after: 14) }
    #expect(late == [.reused, .reused, .again(generation: 3), .again(generation: 4), .rotate])
  }

  @Test func `without a grace period still forgives a lost answer`() {
    let session = session(rotatedAt: 0, 1)
    #expect(
      session.verdict(on: 1, at: now.adding(seconds: 1), graceSeconds: 0) == .again(generation: 2)
    )
    #expect(session.verdict(on: 0, at: now.adding(seconds: 1), graceSeconds: 0) == .reused)
  }

  @Test func `finds a token reused that it has long forgotten`() {
    let session = session(rotatedAt: 0, 100, 200, 300)
    #expect(session.rotations == [now.adding(seconds: 300)])
    for generation in 0...2 { #expect(session.verdict(on: generation, after: 300) == .reused) }
  }

  @Test
  func `keeps its newest token and the one before it for good, in the clock of another host too`() {
    let session = session(rotatedAt: 50, 49)
    #expect(session.verdict(on: 2, after: 40) == .rotate)
    #expect(session.verdict(on: 1, after: 40) == .again(generation: 2))
    #expect(session.verdict(on: 0, after: 40) == .again(generation: 1))
  }

  @Test func `expires with its newest token`() {
    let session = session(rotatedAt: 5)
    #expect(session.verdict(on: 1, microseconds: 1_004_999_999) == .rotate)
    for generation in 0...1 {
      #expect(session.verdict(on: generation, after: 1005) == .expired)
      #expect(session.verdict(on: generation, after: 5000) == .expired)
    }
  }

  @Test func `that has ended is ended for every token`() {
    var session = session(rotatedAt: 0, 5)
    session.hasEnded = true
    for generation in 0...9 { #expect(session.verdict(on: generation, after: 6) == .ended) }
    #expect(session.verdict(on: 2, after: 5000) == .ended)
  }

  @Test func `does not know tokens that it has not issued yet`() {
    #expect(session().verdict(on: 1, after: 0) == .unknown)
    #expect(session(rotatedAt: 1).verdict(on: 2, after: 2) == .unknown)
    #expect(session(rotatedAt: 1).verdict(on: Int(UInt32.max), after: 5000) == .unknown)
  }

  @Test func `remembers no more than 64 replacements`() {
    var session = session()
    for _ in 0..<200 { session.rotate(at: 0) }
    #expect(session.generation == 200)
    #expect(session.rotations.count == 64)
    #expect(session.verdict(on: 200, after: 1) == .rotate)
    #expect(session.verdict(on: 199, after: 1) == .again(generation: 200))
    #expect(session.verdict(on: 136, after: 1) == .again(generation: 137))
    #expect(session.verdict(on: 135, after: 1) == .reused)
  }

  @Test func `keeps to the key of each generation when the keys change`() {
    var session = session(rotatedAt: 1, 2)
    session.rotate(
      keyID: "k2",
      at: now.adding(seconds: 3),
      expiresAt: session.expiresAt,
      graceSeconds: Self.graceSeconds
    )
    #expect((0...3).map(session.keyID(of:)) == ["k1", "k1", "k1", "k2"])
    #expect(session.verdict(on: 2, after: 4) == .again(generation: 3))
    session.rotate(
      keyID: "k2",
      at: now.adding(seconds: 4),
      expiresAt: session.expiresAt,
      graceSeconds: Self.graceSeconds
    )
    #expect((0...4).map(session.keyID(of:)) == ["k1", "k1", "k1", "k2", "k2"])
  }

  @Test func `follows the key of the ring back and forth`() {
    var session = session()
    for (second, keyID) in ["k2", "k2", "k1", "k3"].enumerated() {
      session.rotate(
        keyID: keyID,
        at: now.adding(seconds: Int64(second) * 3600),
        expiresAt: session.expiresAt,
        graceSeconds: Self.graceSeconds
      )
    }
    #expect(session.keyID == "k3")
    #expect(session.keyGeneration == 4)
    // A client that lost the last answer presents a token of the previous key, and gets one of the newest.
    #expect(session.keyID(of: 3) == "k1")
    #expect(session.keyID(of: 4) == "k3")
  }

  @Test func `has one key as long as the keys do not change`() {
    let session = session(rotatedAt: 1, 2, 3)
    #expect(session.olderKeyID == nil)
    #expect((0...3).map(session.keyID(of:)) == ["k1", "k1", "k1", "k1"])
  }
}

extension Session {
  fileprivate mutating func rotate(at seconds: Int64) {
    rotate(
      keyID: keyID,
      at: now.adding(seconds: seconds),
      expiresAt: now.adding(seconds: seconds + 1000),
      graceSeconds: 10
    )
  }

  fileprivate func verdict(on generation: Int, after seconds: Int64) -> Verdict {
    verdict(on: generation, microseconds: seconds * 1_000_000)
  }

  fileprivate func verdict(on generation: Int, microseconds: Int64) -> Verdict {
    verdict(
      on: generation,
      at: Instant(microseconds: now.microseconds + microseconds),
      graceSeconds: 10
    )
  }
}
