// Each setting is declared here, once, and everything else about settings is derived from this file: the pages and
// lists that scripts/generate writes (scripts/SETTINGS.md, scripts/lib/settings.tsv), the variables that scripts/run
// passes to each function and job, its checks before it starts anything, and the variables that scripts/test clears.
//
// A setting is documented by its own sentence, which ends up in scripts/SETTINGS.md.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import Telemetry
public import Validation

// The host, which the scripts set up.
extension Setting {
  public static var stateFolder: Setting<String> {
    .init(
      "STATE_DIR",
      .path,
      default: ".run",
      for: .scripts,
      from: .environment,
      "The folder of the databases, sockets, logs, and keys."
    )
  }

  public static var functionsFolder: Setting<String> {
    .init(
      "FUNCTIONS_DIR",
      .path,
      default: ".build/functions",
      for: .scripts,
      from: .environment,
      "The folder of the executables."
    )
  }

  public static var portOffset: Setting<Int> {
    // The highest port is 50054.
    .init(
      "PORT_OFFSET",
      .number(0...15_481),
      default: "0",
      for: .scripts,
      "A number that is added to every port, so that several systems can run side by side."
    )
  }

  public static var listenAddress: Setting<String> {
    .init(
      "LISTEN_ADDRESS",
      .host,
      default: "127.0.0.1",
      for: .scripts,
      "The address that nginx listens on."
    )
  }

  public static var limitsRates: Setting<Bool> {
    .init(
      "RATE_LIMIT",
      .either("on", or: "off"),
      default: "on",
      for: .scripts,
      "The limits on how many requests a client may send per second."
    )
  }

  public static var startsJobs: Setting<Bool> {
    .init(
      "CRON",
      .either("on", or: "off"),
      default: "on",
      for: .scripts,
      "The scheduler of the jobs; off leaves them to the host's cron."
    )
  }
}

// Databases.
extension Setting {
  public static var databaseURL: Setting<String?> {
    .init(
      "DATABASE_URL",
      .database,
      otherwise: "the function does not start",
      for: [.services, .jobs, .createAdmin, .migrate],
      from: .run,
      isSecret: true,
      "The database of the service, as the role that the function or job has there. Functions may go through a pooler; jobs that claim something must not."
    )
  }

  public static var userDatabaseURL: Setting<String?> {
    .init(
      "DATABASE_URL_USER",
      .database,
      otherwise: "a private cluster",
      for: .scripts,
      isSecret: true,
      """
      The database `user_db` as the role of the User service, in place of the private cluster; needs the roles of \
      `scripts/lib/roles.sql`. Set the databases of all four services, or none of them.
      """
    )
  }

  public static var authDatabaseURL: Setting<String?> {
    .init(
      "DATABASE_URL_AUTH",
      .database,
      otherwise: "a private cluster",
      for: .scripts,
      isSecret: true,
      "The same: `user_db` as the role of the Auth service."
    )
  }

  public static var taskDatabaseURL: Setting<String?> {
    .init(
      "DATABASE_URL_TASK",
      .database,
      otherwise: "a private cluster",
      for: .scripts,
      isSecret: true,
      "The same: `task_db` as the role of the Task service."
    )
  }

  public static var notificationDatabaseURL: Setting<String?> {
    .init(
      "DATABASE_URL_NOTIFICATION",
      .database,
      otherwise: "a private cluster",
      for: .scripts,
      isSecret: true,
      "The same: `notification_db` as the role of the Notification service."
    )
  }

  public static var userDatabaseDirectURL: Setting<String?> {
    .init(
      "DATABASE_URL_USER_DIRECT",
      .database,
      otherwise: "`DATABASE_URL_USER`",
      for: .scripts,
      isSecret: true,
      """
      The same database without a connection pooler in between, for the jobs of the User service.
      """
    )
  }

  public static var authDatabaseDirectURL: Setting<String?> {
    .init(
      "DATABASE_URL_AUTH_DIRECT",
      .database,
      otherwise: "`DATABASE_URL_AUTH`",
      for: .scripts,
      isSecret: true,
      "The same for the jobs of the Auth service."
    )
  }

  public static var taskDatabaseDirectURL: Setting<String?> {
    .init(
      "DATABASE_URL_TASK_DIRECT",
      .database,
      otherwise: "`DATABASE_URL_TASK`",
      for: .scripts,
      isSecret: true,
      "The same for the jobs of the Task service."
    )
  }

  public static var notificationDatabaseDirectURL: Setting<String?> {
    .init(
      "DATABASE_URL_NOTIFICATION_DIRECT",
      .database,
      otherwise: "`DATABASE_URL_NOTIFICATION`",
      for: .scripts,
      isSecret: true,
      "The same for the jobs of the Notification service."
    )
  }

  public static var userDatabaseOwnerURL: Setting<String?> {
    .init(
      "DATABASE_URL_USER_OWNER",
      .database,
      otherwise: "`DATABASE_URL_USER_DIRECT`",
      for: .scripts,
      isSecret: true,
      """
      The same database as the owner of its schema, for migrations; never through a pooler.
      """
    )
  }

  public static var taskDatabaseOwnerURL: Setting<String?> {
    .init(
      "DATABASE_URL_TASK_OWNER",
      .database,
      otherwise: "`DATABASE_URL_TASK_DIRECT`",
      for: .scripts,
      isSecret: true,
      """
      The same database as the owner of its schema, for migrations; never through a pooler.
      """
    )
  }

  public static var notificationDatabaseOwnerURL: Setting<String?> {
    .init(
      "DATABASE_URL_NOTIFICATION_OWNER",
      .database,
      otherwise: "`DATABASE_URL_NOTIFICATION_DIRECT`",
      for: .scripts,
      isSecret: true,
      """
      The same database as the owner of its schema, for migrations; never through a pooler.
      """
    )
  }

  public static var userDatabaseHealthURL: Setting<String?> {
    .init(
      "DATABASE_URL_HEALTH_USER",
      .database,
      otherwise: "`DATABASE_URL_USER`",
      for: [.health, .scripts],
      isSecret: true,
      "The database `user_db` as the role `health`, which may only connect, for the health checks."
    )
  }

  public static var taskDatabaseHealthURL: Setting<String?> {
    .init(
      "DATABASE_URL_HEALTH_TASK",
      .database,
      otherwise: "`DATABASE_URL_TASK`",
      for: [.health, .scripts],
      isSecret: true,
      "The database `task_db` as the role `health`, which may only connect, for the health checks."
    )
  }

  public static var notificationDatabaseHealthURL: Setting<String?> {
    .init(
      "DATABASE_URL_HEALTH_NOTIFICATION",
      .database,
      otherwise: "`DATABASE_URL_NOTIFICATION`",
      for: [.health, .scripts],
      isSecret: true,
      """
      The database `notification_db` as the role `health`, which may only connect, for the health checks.
      """
    )
  }

  public static var maximumConnections: Setting<Int?> {
    .init(
      "MAX_CONNECTIONS",
      .number(20...10_000),
      otherwise: "what the pools and jobs need",
      for: .scripts,
      "The connections that the private cluster allows."
    )
  }

  public static var probeSocket: Setting<String?> {
    .init(
      "PROBE_SOCKET",
      .path,
      otherwise: "pools are not probed",
      for: .health,
      from: .run,
      "The Unix socket by which the health checks ask each pool whether it answers."
    )
  }

  public static var preparesStatements: Setting<Bool> {
    .init(
      "PREPARED_STATEMENTS",
      .either("on", or: "off"),
      default: "on",
      for: [.functions, .jobs, .createAdmin],
      "Prepared statements; off for a PgBouncer before 1.21 in transaction mode."
    )
  }
}

// Functions.
extension Setting {
  public static var deadlineMilliseconds: Setting<Int> {
    // The gateway waits for 3.8 seconds.
    .init(
      "REQUEST_DEADLINE_MS",
      .number(10...3700),
      default: "3700",
      for: [.functions, .createAdmin],
      "The time that a function may take over a request, SQL included, in milliseconds."
    )
  }

  public static var maximumRequests: Setting<Int> {
    .init(
      "MAX_REQUESTS",
      .number(0...2_147_483_647),
      default: "0",
      for: .functions,
      "The number of requests after which a worker ends and is replaced; with 0 it never does."
    )
  }

  public static var userServiceURL: Setting<String?> {
    .init(
      "USER_SERVICE_URL",
      .httpURL("http://127.0.0.1:50051"),
      otherwise: "port 50051 of this host",
      for: [.task, .notification],
      "The gRPC port of the User service, which others ask about users."
    )
  }

  public static var taskServiceURL: Setting<String?> {
    .init(
      "TASK_SERVICE_URL",
      .httpURL("http://127.0.0.1:50053"),
      otherwise: "port 50053 of this host",
      for: [.user, .relayUserEvents],
      "The gRPC port of the Task service, where the tasks of a deleted user are removed."
    )
  }

  public static var notificationServiceURL: Setting<String?> {
    .init(
      "NOTIFICATION_SERVICE_URL",
      .httpURL("http://127.0.0.1:50054"),
      otherwise: "port 50054 of this host",
      for: [.user, .task, .relayEvents, .dispatchReminders],
      "The gRPC port of the Notification service, which is handed reminders and told of events."
    )
  }

  public static var lockFolder: Setting<String?> {
    .init(
      "LOCK_DIR",
      .path,
      otherwise: "runs of a job may overlap",
      for: .jobs,
      from: .run,
      "The folder in which the runs of a service's jobs keep out of each other's way."
    )
  }

  public static var breakerFolder: Setting<String?> {
    .init(
      "BREAKER_DIR",
      .path,
      otherwise: "each process is on its own",
      for: [.services, .jobs],
      from: .run,
      "The folder in which the processes of a host share circuit breakers."
    )
  }

  public static var service: Setting<Service?> {
    .init(
      "SERVICE",
      .service,
      otherwise: "purge-expired does not start",
      for: .jobs,
      from: .run,
      "The service that a job works for."
    )
  }
}

// Sessions and passwords.
extension Setting {
  public static var keysFile: Setting<String?> {
    .init(
      "JWT_KEYS_FILE",
      .file,
      otherwise: "a key ring made at the first start",
      for: [.services, .relayEvents, .dispatchReminders, .deliverNotifications],
      "The key ring, a JWK set, that tokens are signed and verified with."
    )
  }

  public static var issuer: Setting<String> {
    .init(
      "JWT_ISSUER",
      .text("a name or a URL"),
      default: "task-management",
      for: [.services, .relayEvents, .dispatchReminders],
      "The `iss` of access tokens."
    )
  }

  public static var audience: Setting<String> {
    .init(
      "JWT_AUDIENCE",
      .text("a name or a URL"),
      default: "task-management-api",
      for: [.services, .relayEvents, .dispatchReminders],
      "The `aud` of access tokens."
    )
  }

  public static var accessTokenSeconds: Setting<Int> {
    .init(
      "ACCESS_TOKEN_SECONDS",
      .number(1...31_536_000),
      default: "86400",
      for: .auth,
      "The lifetime of an access token, in seconds."
    )
  }

  public static var refreshTokenSeconds: Setting<Int> {
    .init(
      "REFRESH_TOKEN_SECONDS",
      .number(1...31_536_000),
      default: "2592000",
      for: .auth,
      "The lifetime of a refresh token, in seconds."
    )
  }

  public static var refreshGraceSeconds: Setting<Int> {
    .init(
      "REFRESH_GRACE_SECONDS",
      .number(0...3600),
      default: "10",
      for: .auth,
      "The time in which a refresh token that was used still gets its successor, in seconds."
    )
  }

  public static var bcryptCost: Setting<Int> {
    .init(
      "BCRYPT_COST",
      .number(4...15),
      default: "12",
      for: [.user, .auth, .createAdmin],
      "The cost of password hashes; a hash of a lower cost is replaced at the next sign-in."
    )
  }

  public static var signUpIsOpen: Setting<Bool> {
    .init(
      "SIGN_UP",
      .either("open", or: "closed"),
      default: "open",
      for: .user,
      "The registration of new users; if closed, only admins create users."
    )
  }
}

// Reminders and events.
extension Setting {
  public static var leadTimes: Setting<LeadTimes> {
    .init(
      "REMINDER_LEAD_TIMES",
      .leadTimes,
      default: "24h,1h",
      for: [.task, .dispatchReminders],
      "The times before its due date at which the owner of a task is reminded."
    )
  }

  public static var reminderMaximumAgeSeconds: Setting<Int> {
    .init(
      "REMINDER_MAX_AGE_SECONDS",
      .number(60...2_592_000),
      default: "21600",
      for: .dispatchReminders,
      "The delay from which on a late reminder is left out, in seconds."
    )
  }

  public static var eventMaximumAgeSeconds: Setting<Int> {
    .init(
      "EVENT_MAX_AGE_SECONDS",
      .number(60...31_536_000),
      default: "604800",
      for: .relayEvents,
      "The age at which an event that cannot be relayed is discarded, in seconds."
    )
  }

  public static var holdSeconds: Setting<Int> {
    .init(
      "HOLD_SECONDS",
      .number(5...3600),
      default: "300",
      for: [.notification, .dispatchReminders, .deliverNotifications],
      "The lease on what a process has claimed, in seconds. Another one takes over as soon as the claiming connection to the database is lost, and at the latest when the lease ends."
    )
  }

  public static var eventKeepDays: Setting<Int> {
    .init(
      "EVENT_KEEP_DAYS",
      .number(1...3650),
      default: "7",
      for: [.purgeUser, .purgeTask],
      "The time for which events are kept after they have been relayed, in days."
    )
  }

  public static var reminderKeepDays: Setting<Int> {
    .init(
      "REMINDER_KEEP_DAYS",
      .number(1...3650),
      default: "90",
      for: .purgeTask,
      "The time for which reminders are kept after the due date, in days."
    )
  }

  public static var notificationKeepDays: Setting<Int> {
    .init(
      "NOTIFICATION_KEEP_DAYS",
      .number(1...3650),
      default: "90",
      for: .purgeNotification,
      "The time for which notifications are kept, in days."
    )
  }
}

// Mail and push messages.
extension Setting {
  public static var mailServerURL: Setting<String?> {
    .init(
      "SMTP_URL",
      .url("a URL such as smtp://host:25 or smtps://user:password@host:465"),
      otherwise: "a mail sink of our own",
      for: [.notification, .deliverNotifications],
      isSecret: true,
      "The server that takes the mail, with a user and password if it wants them."
    )
  }

  public static var mailFrom: Setting<String> {
    .init(
      "MAIL_FROM",
      .text("an address such as Task Management <tasks@example.com>"),
      default: "Task Management <tasks@localhost.localdomain>",
      for: [.notification, .deliverNotifications],
      "The sender of all mail."
    )
  }

  public static var requiresMailTLS: Setting<Bool> {
    .init(
      "MAIL_TLS",
      .either("required", or: "optional"),
      default: "optional",
      for: [.notification, .deliverNotifications],
      "The encryption of connections to the mail server; if required, no mail is sent without it."
    )
  }

  public static var mailCertificates: Setting<String?> {
    .init(
      "MAIL_CA_FILE",
      .file,
      otherwise: "those of the host",
      for: [.notification, .deliverNotifications],
      "The certificates to trust in mail servers, in PEM."
    )
  }

  public static var mailProbeSeconds: Setting<Int> {
    .init(
      "MAIL_PROBE_SECONDS",
      .number(1...3600),
      default: "30",
      for: [.notification, .deliverNotifications],
      "The interval between attempts while the mail server does not answer, in seconds."
    )
  }

  public static var publicURL: Setting<String?> {
    .init(
      "PUBLIC_URL",
      .httpURL("https://tasks.example.com"),
      otherwise: "no links",
      for: [.notification, .deliverNotifications],
      """
      The address at which mail programs reach port 8080: reminders then have a link by which their reader \
      unsubscribes with one click (`List-Unsubscribe`, RFC 8058).
      """
    )
  }

  public static var vapidKeyFile: Setting<String?> {
    .init(
      "VAPID_KEY_FILE",
      .file,
      otherwise: "a key made at the first start",
      for: [.notification, .deliverNotifications],
      "The private key by which push services know us: on P-256, in PEM."
    )
  }

  public static var vapidSubject: Setting<String?> {
    .init(
      "VAPID_SUBJECT",
      .text("a mailto: or https: URI"),
      otherwise: "the address of `MAIL_FROM`",
      for: [.notification, .deliverNotifications],
      "The contact for push services, should something be wrong with our messages."
    )
  }

  public static var pushCertificates: Setting<String?> {
    .init(
      "PUSH_CA_FILE",
      .file,
      otherwise: "those of the host",
      for: [.notification, .deliverNotifications],
      "The certificates to trust in push services, in PEM."
    )
  }

  public static var allowsPrivatePushServices: Setting<Bool> {
    .init(
      "PUSH_PRIVATE_ADDRESSES",
      .either("allow", or: "deny"),
      default: "deny",
      for: [.notification, .deliverNotifications],
      """
      The use of push services in our own network. For tests alone: a subscriber could have us connect to \
      anything there.
      """
    )
  }

  public static var deliveryWorkers: Setting<Int> {
    .init(
      "DELIVERY_WORKERS",
      .number(1...32),
      default: "4",
      for: .deliverNotifications,
      "The number of connections that send mail at once, and of those that send push messages."
    )
  }

  public static var deliveryMaximumAttempts: Setting<Int> {
    .init(
      "DELIVERY_MAX_ATTEMPTS",
      .number(1...1000),
      default: "200",
      for: [.notification, .deliverNotifications],
      "The attempts after which a notification is discarded."
    )
  }

  public static var deliveryMaximumAgeSeconds: Setting<Int> {
    .init(
      "DELIVERY_MAX_AGE_SECONDS",
      .number(60...31_536_000),
      default: "604800",
      for: [.notification, .deliverNotifications],
      "The age at which a notification that has not arrived is discarded, in seconds."
    )
  }
}

// Logs.
extension Setting {
  public static var logLevel: Setting<Log.Level> {
    .init(
      "LOG_LEVEL",
      .level,
      default: "info",
      for: [.functions, .jobs, .createAdmin],
      "The lowest level that is logged."
    )
  }

  public static var logFile: Setting<String?> {
    .init(
      "LOG_FILE",
      .path,
      otherwise: "a file for each function in `STATE_DIR`",
      for: [.functions, .jobs],
      "The one log of all functions; jobs keep their own."
    )
  }

  public static var logMaximumBytes: Setting<Int> {
    .init(
      "LOG_MAX_BYTES",
      .number(10_000...10_000_000_000),
      default: "50000000",
      for: [.functions, .jobs, .createAdmin],
      "The size at which a log is renamed to `<file>.1`, in bytes."
    )
  }
}

extension SettingSyntax<String> {
  fileprivate static var database: Self {
    .url("a PostgreSQL URL such as postgresql://user:password@host/database")
  }
}

extension DeclaredSetting {
  /// Every setting, by topic.
  public static var all: [(topic: String, settings: [DeclaredSetting])] {
    [
      (
        "The host",
        [
          .init(.stateFolder), .init(.functionsFolder), .init(.portOffset), .init(.listenAddress),
          .init(.limitsRates), .init(.startsJobs),
        ]
      ),
      (
        "Databases",
        [
          .init(.userDatabaseURL), .init(.authDatabaseURL), .init(.taskDatabaseURL),
          .init(.notificationDatabaseURL),
          .init(.userDatabaseDirectURL), .init(.authDatabaseDirectURL),
          .init(.taskDatabaseDirectURL), .init(.notificationDatabaseDirectURL),
          .init(.userDatabaseOwnerURL), .init(.taskDatabaseOwnerURL),
          .init(.notificationDatabaseOwnerURL),
          .init(.userDatabaseHealthURL), .init(.taskDatabaseHealthURL),
          .init(.notificationDatabaseHealthURL), .init(.preparesStatements),
          .init(.maximumConnections), .init(.databaseURL),
          .init(.probeSocket),
        ]
      ),
      (
        "Functions",
        [
          .init(.deadlineMilliseconds), .init(.maximumRequests), .init(.userServiceURL),
          .init(.taskServiceURL), .init(.notificationServiceURL), .init(.breakerFolder),
          .init(.lockFolder),
          .init(.service),
        ]
      ),
      (
        "Sessions and passwords",
        [
          .init(.keysFile), .init(.issuer), .init(.audience), .init(.accessTokenSeconds),
          .init(.refreshTokenSeconds), .init(.refreshGraceSeconds), .init(.bcryptCost),
          .init(.signUpIsOpen),
        ]
      ),
      (
        "Reminders and events",
        [
          .init(.leadTimes), .init(.reminderMaximumAgeSeconds), .init(.eventMaximumAgeSeconds),
          .init(.holdSeconds), .init(.eventKeepDays), .init(.reminderKeepDays),
          .init(.notificationKeepDays),
        ]
      ),
      (
        "Mail and push messages",
        [
          .init(.mailServerURL), .init(.mailFrom), .init(.requiresMailTLS),
          .init(.mailCertificates), .init(.mailProbeSeconds), .init(.publicURL),
          .init(.vapidKeyFile), .init(.vapidSubject), .init(.pushCertificates),
          .init(.allowsPrivatePushServices), .init(.deliveryWorkers),
          .init(.deliveryMaximumAttempts), .init(.deliveryMaximumAgeSeconds),
        ]
      ),
      ("Logs", [.init(.logLevel), .init(.logFile), .init(.logMaximumBytes)]),
    ]
  }

  /// Settings that are all set, or none of them.
  public static var together: [[SettingDeclaration]] {
    [ownDatabases.map(\.setting.declaration)]
  }

  /// Settings that mean nothing unless another is set.
  public static var dependent: [(SettingDeclaration, on: SettingDeclaration)] {
    ownDatabases.flatMap { database in
      database.variants.map { ($0.declaration, on: database.setting.declaration) }
    }
  }

  /// The databases of the operator's own, each with the settings by which some processes reach it in another way.
  public static var ownDatabases: [(setting: Setting<String?>, variants: [Setting<String?>])] {
    [
      (.userDatabaseURL, [.userDatabaseDirectURL, .userDatabaseOwnerURL, .userDatabaseHealthURL]),
      (.authDatabaseURL, [.authDatabaseDirectURL]),
      (.taskDatabaseURL, [.taskDatabaseDirectURL, .taskDatabaseOwnerURL, .taskDatabaseHealthURL]),
      (
        .notificationDatabaseURL,
        [
          .notificationDatabaseDirectURL, .notificationDatabaseOwnerURL,
          .notificationDatabaseHealthURL,
        ]
      ),
    ]
  }
}
