public import API
public import Endpoint
public import Stores
public import Tokens
public import Validation
public import Values

/// The tokens of sessions. It makes them in pairs and reads both kinds, in terms of messages and problems.
public struct SessionTokens {
  /// The life of a service's token.
  static let serviceTokenSeconds: Int64 = 60
  /// The `sub` of services, which no user has.
  private static let serviceID = "00000000-0000-4000-8000-000000000001"

  private let keyRing: KeyRingFile
  private let accessTokens: AccessTokens
  private let accessSeconds: Int64
  private let refreshSeconds: Int64
  private let graceSeconds: Int64

  init(keyRing: KeyRingFile, settings: Settings) throws {
    self.keyRing = keyRing
    accessTokens = AccessTokens(
      issuer: try settings[.issuer],
      audience: try settings[.audience]
    )
    accessSeconds = Int64(try settings[.accessTokenSeconds])
    refreshSeconds = Int64(try settings[.refreshTokenSeconds])
    graceSeconds = Int64(try settings[.refreshGraceSeconds])
  }

  /// Identifies the caller by an access token.
  ///
  /// - Throws: `Problem` `TOKEN_INVALID`, `TOKEN_EXPIRED`.
  public func caller(of token: String, at now: Instant) throws -> Caller {
    let claims = try claims(of: token, at: now)
    return Caller(
      userID: ID(stored: claims.subject),
      role: Role(name: claims.role) ?? .unspecified,
      sessionID: claims.sessionID.map(ID.init(stored:))
    )
  }

  /// Verifies an access token and reads its claims. A token without a session is a service's; nobody else can have one.
  ///
  /// - Throws: `Problem` `TOKEN_INVALID`, `TOKEN_EXPIRED`.
  public func claims(of token: String, at now: Instant) throws -> AccessClaims {
    do {
      let claims = try keyRing.withKeys(at: now) {
        try accessTokens.verify(token, with: $0, at: now)
      }
      guard let role = Role(name: claims.role), claims.sessionID != nil || role == .service else {
        throw TokenError.invalid("no such role, or no session")
      }
      return claims
    } catch TokenError.expired {
      throw Problem(.tokenExpired)
    } catch let error as TokenError {
      throw Problem(.tokenInvalid, cause: "\(error)")
    }
  }

  /// Makes a new session for a user, which is not stored yet, and the SHA-256 of its first refresh token.
  ///
  /// - Throws: `KeyRing.Malformed`.
  public func newSession(
    for user: UserMessage,
    at now: Instant
  ) throws -> (session: Session, tokenHash: String) {
    let ring = try keyRing.current(at: now)
    var random = SystemRandomNumberGenerator()
    let session = Session(
      id: ID(at: now, random: &random),
      userID: ID(stored: user.id),
      keyID: ring.signingKeyID,
      expiresAt: now.adding(seconds: refreshSeconds)
    )
    let token = try refreshToken(of: session.id, generation: 0, keyID: session.keyID, at: now)
    return (session, sha256Hexadecimal(token))
  }

  /// Reads the refresh that a refresh token asks for, and makes the token's successor, so that the store need not do it
  /// while the session is locked.
  ///
  /// - Throws: `Problem` `REFRESH_TOKEN_INVALID`; `KeyRing.Malformed`.
  public func refresh(_ token: String, at now: Instant) throws -> SessionStore.Refresh {
    let content = try read(refreshToken: token, at: now)
    let keyID = try keyRing.current(at: now).signingKeyID
    let successor = try refreshToken(
      of: content.sessionID,
      generation: content.generation + 1,
      keyID: keyID,
      at: now
    )
    return SessionStore.Refresh(
      sessionID: content.sessionID,
      generation: content.generation,
      now: now,
      lifeSeconds: refreshSeconds,
      graceSeconds: graceSeconds,
      keyID: keyID,
      successorHash: sha256Hexadecimal(successor)
    )
  }

  /// Verifies a refresh token and reads the session and the generation that it names.
  ///
  /// - Throws: `Problem` `REFRESH_TOKEN_INVALID`; `KeyRing.Malformed`.
  public func read(refreshToken token: String, at now: Instant) throws -> RefreshTokens.Content {
    do {
      return try keyRing.withKeys(at: now) { try RefreshTokens.read(token, ring: $0) }
    } catch let error as TokenError {
      throw Problem(.refreshTokenInvalid, cause: "\(error)")
    }
  }

  /// Makes a session's tokens: a fresh access token, and the refresh token of a generation.
  ///
  /// - Throws: `Problem` `REFRESH_TOKEN_INVALID` when the ring no longer has the session's key;
  ///   `KeyRing.Malformed`.
  public func pair(
    of session: Session,
    generation: Int,
    user: UserMessage,
    at now: Instant
  ) throws -> TokenResponse {
    var random = SystemRandomNumberGenerator()
    let claims = AccessClaims(
      subject: user.id,
      role: user.role.name,
      sessionID: session.id.text,
      tokenID: ID(at: now, random: &random).text,
      issuedAt: now.seconds,
      expiresAt: now.seconds + accessSeconds
    )
    var response = TokenResponse()
    response.accessToken = accessTokens.sign(claims, with: try keyRing.current(at: now))
    response.refreshToken = try refreshToken(
      of: session.id,
      generation: generation,
      keyID: session.keyID(of: generation),
      at: now
    )
    response.tokenType = "Bearer"
    response.expiresIn = Int32(accessSeconds)
    response.user = user
    return response
  }

  /// Makes a token that this service presents to the others: for no user and no session, valid for a minute.
  ///
  /// - Throws: `KeyRing.Malformed`.
  func serviceToken(at now: Instant) throws -> String {
    var random = SystemRandomNumberGenerator()
    let claims = AccessClaims(
      subject: Self.serviceID,
      role: Role.service.name,
      sessionID: nil,
      tokenID: ID(at: now, random: &random).text,
      issuedAt: now.seconds,
      expiresAt: now.seconds + Self.serviceTokenSeconds
    )
    return accessTokens.sign(claims, with: try keyRing.current(at: now))
  }

  private func refreshToken(
    of sessionID: ID,
    generation: Int,
    keyID: String,
    at now: Instant
  ) throws -> String {
    let token = RefreshTokens.make(
      sessionID: sessionID,
      generation: generation,
      keyID: keyID,
      ring: try keyRing.current(at: now)
    )
    guard let token else { throw Problem(.refreshTokenInvalid) }
    return token
  }
}
