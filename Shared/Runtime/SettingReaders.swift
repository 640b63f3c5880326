/// The executables and scripts that read a setting: `scripts/run` hands it to these and to no others.
public struct SettingReaders: OptionSet, Sendable {
  /// The bits.
  public let rawValue: UInt32

  /// Readers by their bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  // The functions of one service each.
  static let user = Self(rawValue: 1 << 0)
  static let auth = Self(rawValue: 1 << 1)
  static let task = Self(rawValue: 1 << 2)
  static let notification = Self(rawValue: 1 << 3)
  static let health = Self(rawValue: 1 << 4)
  /// The functions that have a database of their own.
  static let services: Self = [.user, .auth, .task, .notification]
  static let functions: Self = [.services, .health]

  // The jobs, for each service that cron starts them for.
  static let relayUserEvents = Self(rawValue: 1 << 5)
  static let relayTaskEvents = Self(rawValue: 1 << 6)
  static let dispatchReminders = Self(rawValue: 1 << 7)
  static let deliverNotifications = Self(rawValue: 1 << 8)
  static let purgeUser = Self(rawValue: 1 << 9)
  static let purgeAuth = Self(rawValue: 1 << 10)
  static let purgeTask = Self(rawValue: 1 << 11)
  static let purgeNotification = Self(rawValue: 1 << 12)
  static let relayEvents: Self = [.relayUserEvents, .relayTaskEvents]
  static let purgeExpired: Self = [.purgeUser, .purgeAuth, .purgeTask, .purgeNotification]
  static let jobs: Self = [.relayEvents, .dispatchReminders, .deliverNotifications, .purgeExpired]

  // The operator's tools, and the scripts themselves.
  static let createAdmin = Self(rawValue: 1 << 13)
  static let migrate = Self(rawValue: 1 << 14)
  static let scripts = Self(rawValue: 1 << 15)
}

extension SettingReaders {
  /// A job of one service.
  public typealias Job = (name: String, service: Service)

  /// The services whose functions read the setting.
  public var functions: [Service] {
    [
      (Self.user, Service.user), (.auth, .auth), (.task, .task), (.notification, .notification),
      (.health, .health),
    ]
    .filter { contains($0.0) }.map(\.1)
  }

  /// The jobs that read the setting, each with the service that cron starts it for.
  public var jobs: [Job] {
    [
      (Self.relayUserEvents, ("relay-events", Service.user)),
      (.relayTaskEvents, ("relay-events", .task)),
      (.dispatchReminders, ("dispatch-reminders", .task)),
      (.deliverNotifications, ("deliver-notifications", .notification)),
      (.purgeUser, ("purge-expired", .user)),
      (.purgeAuth, ("purge-expired", .auth)),
      (.purgeTask, ("purge-expired", .task)),
      (.purgeNotification, ("purge-expired", .notification)),
    ]
    .filter { contains($0.0) }.map(\.1)
  }

  /// Whether every job reads the setting.
  public var includesAllJobs: Bool { isSuperset(of: .jobs) }

  /// The operator's tools that read the setting.
  public var tools: [String] {
    [(Self.createAdmin, "create-admin"), (.migrate, "migrate")]
      .filter { contains($0.0) }.map(\.1)
  }

  /// Whether the scripts themselves read the setting.
  public var includesScripts: Bool { contains(.scripts) }
}
