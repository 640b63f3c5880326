/// One of the services that the system is made of.
public enum Service: String, CaseIterable, Sendable {
  case user
  case auth
  case task
  case notification
  case health

  /// Where the others reach its gRPC port; `nil` for a service that no other calls.
  var addressSetting: Setting<String?>? {
    switch self {
    case .user: .userServiceURL
    case .task: .taskServiceURL
    case .notification: .notificationServiceURL
    case .auth, .health: nil
    }
  }
}
