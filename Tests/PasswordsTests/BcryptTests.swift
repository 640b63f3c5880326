import Glibc
import Passwords
import Testing

struct `A bcrypt hash` {
  private let bcrypt: Bcrypt

  init() throws { bcrypt = try Bcrypt(cost: 4) }

  @Test(arguments: [
    // crypt_blowfish 1.3, wrapper.c.
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    (
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
      "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
    ),
    // jBCrypt 0.4, TestBCrypt.java.
    ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
    ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
    ("abcdefghijklmnopqrstuvwxyz", "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"),
    (
      "~!@#$%^&*()      ~!@#$%^&*()PNBFRD",
      "$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO"
    ),
    // pyca/bcrypt, test_bcrypt.py.
    ("Kk4DQuMMfZL9o", "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm"),
    // The PHP manual, crypt.
    ("rasmuslerdorf", "$2a$07$usesomesillystringfore2uDLvp1Ii2e./U9C8sBjqp8I90dH6hi"),
    // crypt(5): the prefixes stand for different bugs, none of which affects this password.
    ("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
  ])
  func `verifies hashes that others published, of every form`(password: String, hash: String) {
    #expect(bcrypt.verify(password, hash: hash))
    #expect(!bcrypt.verify("X" + password.dropFirst(), hash: hash))
    #expect(!bcrypt.verify(password.dropLast() + "X", hash: hash))
  }

  @Test(arguments: [
    "correct horse battery staple", "pässwörd", "👩‍👩‍👧‍👦", "", " ", "\u{1}\u{7F}",
    String(repeating: "x", count: 72), String(repeating: "é", count: 36),
  ])
  func `knows a password by the hash that it made`(password: String) throws {
    let hash = try bcrypt.hash(password)
    #expect(hash.utf8.count == 60)
    #expect(hash.hasPrefix("$2b$04$"))
    #expect(bcrypt.verify(password, hash: hash))
    #expect(!bcrypt.verify("!" + password.dropFirst(), hash: hash))
    #expect(!bcrypt.isOutdated(hash))
  }

  @Test func `makes another hash each time`() throws {
    let hashes = try (0..<20).map { _ in try bcrypt.hash("the same") }
    #expect(Set(hashes).count == 20)
    #expect(Set(hashes.map { $0.prefix(29) }).count == 20)
  }

  @Test(arguments: [0, 35, 71])
  func `reads each of 72 bytes`(place: Int) throws {
    var password = Array(String(repeating: "a", count: 72).utf8)
    let hash = try bcrypt.hash(String(decoding: password, as: UTF8.self))
    password[place] = UInt8(ascii: "b")
    #expect(!bcrypt.verify(String(decoding: password, as: UTF8.self), hash: hash))
  }

  @Test(arguments: [
    String(repeating: "a", count: 73), String(repeating: "é", count: 36) + "a",
    String(repeating: "a", count: 100_000), "before\u{0}behind", "\u{0}",
  ])
  func `refuses a password that it could not read to the end`(password: String) throws {
    #expect(throws: Bcrypt.Refused.self) { try bcrypt.hash(password) }
  }

  @Test func `knows no password by its first 72 bytes, or by what stands before a NUL`() throws {
    let long = String(repeating: "a", count: 72)
    #expect(!bcrypt.verify(long + "a", hash: try bcrypt.hash(long)))
    #expect(!bcrypt.verify("before\u{0}behind", hash: try bcrypt.hash("before")))
  }

  @Test(arguments: [-1, 0, 3, 32, Int.max])
  func `has no such cost`(cost: Int) {
    #expect(throws: Bcrypt.Refused.self) { try Bcrypt(cost: cost) }
  }

  @Test(arguments: [(4, "$2b$04$"), (9, "$2b$09$"), (10, "$2b$10$")])
  func `writes its cost into the hash`(cost: Int, prefix: String) throws {
    #expect(try Bcrypt(cost: cost).hash("password").hasPrefix(prefix))
  }

  @Test func `verifies whatever the cost was`() throws {
    let hash = try Bcrypt(cost: 6).hash("password")
    #expect(bcrypt.verify("password", hash: hash))
    #expect(try Bcrypt(cost: 8).verify("password", hash: hash))
  }

  @Test(arguments: [
    ("$2b$10$", false), ("$2b$11$", false), ("$2b$09$", true), ("$2b$04$", true), ("$2a$10$", true),
    ("$2y$12$", true), ("$2x$10$", true),
  ])
  func `finds a hash outdated when it is cheaper than today's or of an older form`(
    prefix: String,
    isOutdated: Bool
  ) throws {
    let hash = prefix + "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    #expect(try Bcrypt(cost: 10).isOutdated(hash) == isOutdated)
  }

  @Test(arguments: ["", "x", "$2b$", "$2b$xx$CCCCC", "$6$salt$hash", "{bcrypt}$2b$10$abc"])
  func `finds a hash in another form outdated`(hash: String) throws {
    #expect(bcrypt.isOutdated(hash))
  }

  @Test(arguments: [
    "", " ", "*", "*0", "*1", "x", "U*U", "$", "$2b$", "$2b$04$", "$2b$04$short",
    "$2b$99$CCCCCCCCCCCCCCCCCCCCC.", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\u{0}",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC!E5YPO9kmyuRGy",
    "$2b$05$CCCCCCCCCCCCCCCCCCCCC.e5ypo9kmyurgyh0xouqyb4ymjkvyoew", "$2é$05$CCCCCCCCCCCCCCCCCCCCC.",
    "\u{0}", String(repeating: "$2b$", count: 10_000),
  ])
  func `matches no password with an invalid hash`(hash: String) throws {
    #expect(!bcrypt.verify("U*U", hash: hash))
  }
}

@Suite(.serialized) struct `The work to refuse a password` {
  private let bcrypt: Bcrypt
  private let hash: String

  init() throws {
    bcrypt = try Bcrypt(cost: 8)
    hash = try bcrypt.hash("the right password")
  }

  /// The lowest of five measurements, because disturbances only ever add to one.
  private func microseconds(_ work: () -> Bool) -> Int {
    (0..<5).map { _ in
      var (start, end) = (timespec(), timespec())
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
      #expect(!work())
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
      return (end.tv_sec - start.tv_sec) * 1_000_000 + (end.tv_nsec - start.tv_nsec) / 1000
    }.min() ?? 0
  }

  @Test func `is the same without a hash as with one, and for passwords that nobody can have`() {
    let wrong = microseconds { bcrypt.verify("the wrong password", hash: hash) }
    let others = [
      microseconds { bcrypt.verify("the wrong password", hash: nil) },
      microseconds { bcrypt.verify(String(repeating: "a", count: 73), hash: hash) },
      microseconds { bcrypt.verify(String(repeating: "a", count: 1024), hash: nil) },
      microseconds { bcrypt.verify("nul\u{0}", hash: hash) },
    ]
    for other in others {
      #expect(other > wrong * 7 / 10)
      #expect(other < wrong * 14 / 10)
    }
  }
}
