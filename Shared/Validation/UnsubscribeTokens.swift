import Endpoint
public import Values

/// The tokens of the links in mails by which their readers switch them off. They do nothing else, and do not expire.
public struct UnsubscribeTokens {
  private static let purpose = Array("unsubscribe ".utf8)
  private static let idLength = 36

  private let seals: Seals

  /// Tokens under seals.
  public init(_ seals: Seals) { self.seals = seals }

  /// The token of a user.
  ///
  /// - Throws: what the seals throw.
  public func token(of user: ID) throws -> String {
    let user = Array(user.text.utf8)
    return Base64URL.encode(try seals.seal(Self.purpose + user) + user)
  }

  /// Whose token it is.
  ///
  /// - Throws: `Problem` `LINK_NOT_FOUND` for one that is none of ours; what the seals throw.
  public func user(of token: String) throws -> ID {
    guard token.utf8.count <= 2 * (Seals.length + Self.idLength),
      let bytes = Base64URL.decode(token.utf8), bytes.count == Seals.length + Self.idLength,
      try seals.check(Self.purpose + bytes[Seals.length...], Array(bytes[..<Seals.length])),
      let id = ID(String(decoding: bytes[Seals.length...], as: UTF8.self))
    else {
      throw Problem(.linkNotFound, "this is not the link of a mail of ours")
    }
    return id
  }
}
