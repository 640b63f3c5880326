/// One of the system's services.
public enum Service: String, CaseIterable, Sendable {
  case user
  case auth
  case task
  case notification
  case health

  /// The URL of its gRPC port for the other services; `nil` for a service that no other calls.
  var addressSetting: Setting<String?>? {
    switch self {
    case .user: .userServiceURL
    case .task: .taskServiceURL
    case .notification: .notificationServiceURL
    case .auth, .health: nil
    }
  }
}
