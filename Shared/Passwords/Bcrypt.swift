private import CCrypt

/// bcrypt in its `$2b$` form, through libxcrypt. Source: crypt(5), crypt_r(3), crypt_gensalt_rn(3).
public struct Bcrypt: Sendable {
  /// A password could not be hashed: it is too long for bcrypt or contains a NUL, or the cost is impossible.
  public struct Refused: Error {}

  /// The bytes that bcrypt reads; it would ignore the rest.
  public static let maximumBytes = 72

  /// The binary logarithm of the number of rounds.
  public let cost: Int

  /// A hash that no password has, with the cost of real ones, so that checking it takes the same time.
  private let decoy: String

  /// Hashing at a cost from 4 to 31; each step doubles the time (12 is about 250 ms).
  ///
  /// - Throws: `Refused` for another cost.
  public init(cost: Int) throws {
    guard (4...31).contains(cost) else { throw Refused() }
    self.cost = cost
    decoy = Self.decoy(cost: cost)
  }

  /// Hashes a password with a new salt: 60 characters.
  ///
  /// - Throws: `Refused`.
  public func hash(_ password: String) throws -> String {
    guard Self.canRead(password) else { throw Refused() }
    var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
    guard tm_bcrypt_setting(UInt(cost), &setting) == 0 else { throw Refused() }
    guard let hash = Self.crypt(password, setting: setting) else { throw Refused() }
    return hash
  }

  /// Tells whether a password has this hash. Without a hash, or for a password that can have none, the answer is
  /// `false` and takes as long as a real one; a hash of lower cost takes as long as one of today's.
  public func verify(_ password: String, hash: String?) -> Bool {
    let isPossible = hash != nil && Self.canRead(password)
    let setting = isPossible ? hash ?? decoy : decoy
    let candidate = isPossible ? password : "decoy password"
    guard let computed = Self.crypt(candidate, setting: setting.utf8CString.map { $0 }) else {
      return false
    }
    spendTheRest(after: setting)
    return isPossible && Self.isEqual(computed, setting)
  }

  /// A hash of lower cost than today's is verified sooner than a decoy. The costs from its own up to the one
  /// below today's add up to the difference: 2ᵃ + (2ᵃ + 2ᵃ⁺¹ + … + 2ᵇ⁻¹) = 2ᵇ.
  private func spendTheRest(after setting: String) {
    guard let actual = Self.cost(of: setting), actual < cost, actual >= 4 else { return }
    for cost in actual..<cost {
      _ = Self.crypt("decoy password", setting: Self.decoy(cost: cost).utf8CString.map { $0 })
    }
  }

  private static func decoy(cost: Int) -> String {
    "$2b$" + (cost < 10 ? "0\(cost)" : "\(cost)") + "$" + String(repeating: ".", count: 53)
  }

  private static func cost(of hash: String) -> Int? {
    let parts = hash.split(separator: "$")
    return parts.count == 3 ? Int(parts[1]) : nil
  }

  /// Tells whether a hash has a lower cost than today's, or an older form.
  public func isOutdated(_ hash: String) -> Bool {
    guard hash.hasPrefix("$2b$"), let cost = Self.cost(of: hash) else { return true }
    return cost < self.cost
  }

  private static func canRead(_ password: String) -> Bool {
    password.utf8.count <= maximumBytes && !password.utf8.contains(0)
  }

  private static func crypt(_ password: String, setting: [CChar]) -> String? {
    var output = [CChar](repeating: 0, count: Int(CRYPT_OUTPUT_SIZE))
    guard tm_crypt(password, setting, &output) == 0 else { return nil }
    return String(decoding: output.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Compares in a time that depends on the length alone.
  private static func isEqual(_ left: String, _ right: String) -> Bool {
    guard left.utf8.count == right.utf8.count else { return false }
    return zip(left.utf8, right.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
