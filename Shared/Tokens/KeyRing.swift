private import COpenSSL
import Glibc
import JSON
public import Values

/// The keys by which tokens are made and verified, from a file with a JWK set.
///
/// `{"keys": [{"kty": "oct", "kid": "k1", "alg": "HS256", "k": "<base64url>", "key_ops": ["sign", "verify"]}]}`:
/// exactly one key signs; others verify only (`"key_ops": ["verify"]`) until the last token made with
/// them has expired. Source: RFC 7517 §4, §6.4.
public struct KeyRing: Sendable {
  /// A fault of the file. The message never quotes a key.
  public struct Malformed: Error {
    /// One sentence.
    public let message: String
  }

  /// One key, and what is derived from it for other purposes than signing access tokens.
  struct Key: Sendable {
    let id: String
    let access: HMACKey
    let refresh: HMACKey
    let page: HMACKey
    /// The first segment of the tokens that we sign with it.
    let tokenHeader: String

    init(id: String, secret: [UInt8]) {
      self.id = id
      var header = JSONWriter(capacity: 128)
      header.beginObject()
      header.member("alg", "HS256")
      header.member("kid", id)
      header.member("typ", "JWT")
      header.endObject()
      tokenHeader = Base64URL.encode(header.bytes)
      access = HMACKey(secret)
      refresh = HMACKey(access.code("refresh-token".utf8))
      page = HMACKey(access.code("page-token".utf8))
    }
  }

  private static let maximumKeys = 16
  private static let minimumSecretBytes = 32

  let signing: Key
  let keys: [Key]

  /// Reads the text of a key file.
  ///
  /// - Throws: `Malformed`.
  public init(parsing text: [UInt8]) throws {
    guard let json = try? JSONValue(parsing: text), case .object(let set) = json,
      case .array(let entries)? = set["keys"]
    else { throw Malformed(message: "the key file is not a JWK set") }
    guard (1...Self.maximumKeys).contains(entries.count) else {
      throw Malformed(message: "the key file must have 1 to \(Self.maximumKeys) keys")
    }
    var keys: [Key] = []
    var signing: [Key] = []
    for (number, entry) in entries.enumerated() {
      let (key, signs) = try Self.key(entry, number: number + 1)
      guard !keys.contains(where: { $0.id == key.id }) else {
        throw Malformed(message: "the key file has two keys with kid \(key.id)")
      }
      keys.append(key)
      if signs { signing.append(key) }
    }
    guard signing.count == 1 else {
      throw Malformed(
        message: "the key file must have exactly one signing key, not \(signing.count)"
      )
    }
    self.keys = keys
    self.signing = signing[0]
  }

  private static func key(_ entry: JSONValue, number: Int) throws -> (Key, signs: Bool) {
    guard case .object(let members) = entry, members["kty"]?.string == "oct",
      let id = members["kid"]?.string, (1...64).contains(id.utf8.count),
      !id.utf8.contains(UInt8(ascii: ".")), members["alg"]?.string ?? "HS256" == "HS256",
      let secret = members["k"]?.string.flatMap({ Base64URL.decode($0.utf8) })
    else {
      throw Malformed(message: "key \(number) of the key file is not an HS256 key with kid and k")
    }
    guard secret.count >= minimumSecretBytes else {
      throw Malformed(
        message: "key \(id) must have at least \(minimumSecretBytes) bytes (RFC 7518 §3.2)"
      )
    }
    guard case .array(let operations)? = members["key_ops"],
      operations.allSatisfy({ $0.string == "sign" || $0.string == "verify" }),
      operations.contains(.string("verify"))
    else {
      throw Malformed(message: "key \(id) needs key_ops with \"verify\", and \"sign\" if it signs")
    }
    return (Key(id: id, secret: secret), operations.contains(.string("sign")))
  }

  /// The key of that id.
  func key(_ id: String) -> Key? { keys.first { $0.id == id } }

  /// The key whose tokens begin with this text.
  func key(tokenHeader text: UnsafeRawBufferPointer) -> Key? {
    keys.first { key in
      var header = key.tokenHeader
      return header.withUTF8 { UnsafeRawBufferPointer($0).elementsEqual(text) }
    }
  }

  /// The id of the key that new tokens are made with.
  public var signingKeyID: String { signing.id }

  /// The MAC of a page token, 16 bytes.
  public func pageMAC(_ message: [UInt8]) -> [UInt8] {
    Array(signing.page.code(message).prefix(16))
  }

  /// Tells whether a page token's MAC was made with one of the keys.
  public func isPageMAC(_ mac: [UInt8], of message: [UInt8]) -> Bool {
    keys.contains {
      HMACSHA256.isEqual(Array($0.page.code(message).prefix(16)), mac)
    }
  }
}

/// A key file that is read again when it changes.
public final class KeyRingFile {
  private static let maximumBytes = 65_536

  private let path: String
  private var ring: KeyRing?
  private var stamp: FileStamp?
  private var checkedAt: Instant?
  /// Called with a sentence when a changed file is not a key ring and the old one stays in use.
  private let report: (String) -> Void

  /// A key file; nothing is read yet.
  public init(path: String, report: @escaping (String) -> Void = { _ in }) {
    self.path = path
    self.report = report
  }

  /// The keys in the file, which is checked for changes once a second, or sooner when a token names a key that is
  /// not among them. A changed file that cannot be used is reported, and the previous keys stay in use.
  ///
  /// `maximumAgeMilliseconds` is the age up to which the last check still counts.
  /// - Throws: `KeyRing.Malformed` when the file has never been usable.
  public func current(at now: Instant, maximumAgeMilliseconds: Int64 = 1000) throws -> KeyRing {
    if let ring, let checkedAt,
      abs(now.microseconds - checkedAt.microseconds) < maximumAgeMilliseconds * 1000
    {
      return ring
    }
    checkedAt = now
    let stamp = FileStamp(path)
    if let ring, stamp == self.stamp { return ring }
    do {
      let ring = try KeyRing(parsing: try contents())
      self.ring = ring
      self.stamp = stamp
      return ring
    } catch let error as KeyRing.Malformed {
      guard let ring else { throw error }
      self.stamp = stamp
      report("the previous keys stay in use: \(error.message)")
      return ring
    }
  }

  /// The state of the keys.
  public enum State: Equatable, Sendable {
    /// The key with this id signs, and verifies what it has signed.
    case usable(keyID: String)
    /// The file cannot be used, and the previous keys are still in use.
    case stale(reason: String)
    /// There are no keys.
    case unusable(reason: String)
  }

  /// The state of the keys, found by reading the file and by signing and verifying something. Keys that are usable are in
  /// use from then on.
  public func state(at now: Instant) -> State {
    let stamp = FileStamp(path)
    do {
      let found = try KeyRing(parsing: try contents())
      let message = Array("probe".utf8)
      guard found.isPageMAC(found.pageMAC(message), of: message) else {
        return .unusable(reason: "the keys do not verify what they have signed")
      }
      (ring, self.stamp, checkedAt) = (found, stamp, now)
      return .usable(keyID: found.signingKeyID)
    } catch {
      let reason = (error as? KeyRing.Malformed)?.message ?? "\(error)"
      return ring == nil ? .unusable(reason: reason) : .stale(reason: reason)
    }
  }

  private func contents() throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw KeyRing.Malformed(message: "cannot read the key file \(path)")
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: Self.maximumBytes + 1)
    // One call reads a whole regular file of this size.
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count >= 0, count <= Self.maximumBytes else {
      throw KeyRing.Malformed(message: "cannot read the key file \(path), or it is too large")
    }
    return Array(bytes[..<count])
  }
}

extension KeyRingFile {
  /// Calls `body` with the keys, and again with those that the file has now when a token names a key that is not
  /// among them: a new key signs as soon as one process has seen it, and must be valid in all others.
  ///
  /// - Throws: `KeyRing.Malformed`, or what `body` throws.
  public func withKeys<T>(at now: Instant, _ body: (KeyRing) throws -> T) throws -> T {
    do {
      return try body(current(at: now))
    } catch TokenError.unknownKey {
      return try body(current(at: now, maximumAgeMilliseconds: 20))
    }
  }
}

/// The properties of a file that tell when it has been replaced or changed.
private struct FileStamp: Equatable {
  let seconds: Int
  let nanoseconds: Int
  let size: Int
  let inode: UInt
  /// Changes with the owner and the mode, too: whoever could not read the file may be able to now.
  let changedSeconds: Int
  let changedNanoseconds: Int

  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
    size = Int(status.st_size)
    inode = UInt(status.st_ino)
    changedSeconds = status.st_ctim.tv_sec
    changedNanoseconds = status.st_ctim.tv_nsec
  }
}
