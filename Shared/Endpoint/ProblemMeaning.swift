extension Problem.Code {
  /// What it means, for the API's description: one sentence without a full stop.
  public var meaning: String {
    switch self {
    case .invalidArgument: "Fields are missing, unknown or not sound; details names each of them"
    case .malformedJSON: "The body is not valid JSON; details says where it breaks"
    case .invalidPageToken: "The page token was not given by this list with these filters"
    case .unauthenticated: "This needs an access token"
    case .tokenInvalid: "The access token is none of ours"
    case .tokenExpired: "The access token has expired: refresh it"
    case .sessionRevoked: "The session has ended: sign in again"
    case .invalidCredentials: "The user name or the password is wrong"
    case .refreshTokenInvalid: "The refresh token is none of ours"
    case .refreshTokenExpired: "The refresh token has expired: sign in again"
    case .refreshTokenReused: "The refresh token was used before; its session has been ended"
    case .permissionDenied: "Your role does not allow this"
    case .notFound: "There is nothing here"
    case .userNotFound: "There is no such user, or none that you may know of"
    case .taskNotFound: "There is no such task, or none that you may know of"
    case .notificationNotFound: "There is no such notification, or none that you may know of"
    case .subscriptionNotFound: "There is no such subscription, or none of yours"
    case .linkNotFound: "This is not the link of a mail of ours"
    case .methodNotAllowed: "This path does not allow that method"
    case .unsupportedMediaType: "The body must be application/json"
    case .payloadTooLarge: "The body is larger than 1 MiB"
    case .malformedMessage: "The body is not one whole gRPC message"
    case .unsupportedEncoding: "The message is compressed in a way that is not understood"
    case .contactUnknown: "How to reach the user is not known yet: try again later"
    case .noSubscription: "The user has no browser that takes messages"
    case .usernameTaken: "Somebody has this user name"
    case .emailTaken: "Somebody has this e-mail address"
    case .invalidTransition:
      "The status cannot become that one; details.allowed has those that it can"
    case .versionMismatch: "It has been changed since the version that you name"
    case .rateLimited: "Too many requests; details.limit names the limit"
    case .internal: "Something went wrong on our side"
    case .unavailable: "Something is down at the moment: try again"
    case .deadlineExceeded: "It took too long: try again"
    }
  }
}
