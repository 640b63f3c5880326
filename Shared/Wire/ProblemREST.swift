public import Endpoint
public import JSON

extension Problem {
  /// Writes the error shape, the only one there is.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("error", message)
    json.member("code", code.rawValue)
    if !details.isEmpty {
      json.name("details")
      json.beginObject()
      for (field, reason) in details.sorted(by: { $0.key < $1.key }) {
        json.name(field)
        json.value(reason)
      }
      json.endObject()
    }
    json.endObject()
  }
}

extension Problem.Code {
  /// The HTTP status: the one table from codes to statuses.
  public var httpStatus: Int {
    switch self {
    case .invalidArgument, .malformedJSON, .invalidPageToken, .malformedMessage: 400
    case .unauthenticated, .tokenInvalid, .tokenExpired, .sessionRevoked, .invalidCredentials,
      .refreshTokenInvalid, .refreshTokenExpired, .refreshTokenReused:
      401
    case .permissionDenied: 403
    case .notFound, .userNotFound, .taskNotFound, .notificationNotFound, .subscriptionNotFound,
      .linkNotFound:
      404
    case .methodNotAllowed: 405
    case .usernameTaken, .emailTaken, .invalidTransition, .contactUnknown, .noSubscription: 409
    case .versionMismatch: 412
    case .payloadTooLarge: 413
    case .unsupportedMediaType, .unsupportedEncoding: 415
    case .rateLimited: 429
    case .internal: 500
    case .unavailable: 503
    case .deadlineExceeded: 504
    }
  }
}
