import Endpoint
public import Values

/// The tokens in the links by which readers of a mail unsubscribe. They do nothing else, and do not expire.
public struct UnsubscribeTokens {
  private static let purpose = Array("unsubscribe ".utf8)
  private static let idLength = 36

  private let mac: MAC

  /// Tokens that are authenticated by a MAC.
  public init(_ mac: MAC) { self.mac = mac }

  /// The token of a user.
  ///
  /// - Throws: Errors of the MAC.
  public func token(of user: ID) throws -> String {
    let user = Array(user.text.utf8)
    return Base64URL.encode(try mac.make(Self.purpose + user) + user)
  }

  /// The user whose token it is.
  ///
  /// - Throws: `Problem` `LINK_NOT_FOUND` for a token that was not issued by us; errors of the MAC.
  public func user(of token: String) throws -> ID {
    guard token.utf8.count <= 2 * (MAC.length + Self.idLength),
      let bytes = Base64URL.decode(token.utf8), bytes.count == MAC.length + Self.idLength,
      try mac.check(Self.purpose + bytes[MAC.length...], Array(bytes[..<MAC.length])),
      let id = ID(String(decoding: bytes[MAC.length...], as: UTF8.self))
    else {
      throw Problem(.linkNotFound)
    }
    return id
  }
}
