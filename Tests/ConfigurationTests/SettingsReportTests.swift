import Configuration
import Notifications
import Runtime
import Testing

struct `A report on settings` {
  private func report(
    _ environment: [String: String] = [:],
    file: String? = nil,
    checks: [String: SettingsReport.Check] = [:]
  ) -> SettingsReport {
    SettingsReport(
      environment: environment,
      file: file.map { SettingsFile(parsing: Array($0.utf8)) },
      fileName: "tasks.conf",
      checks: checks
    )
  }

  private func entry(_ name: String, in report: SettingsReport) throws -> SettingsReport.Entry {
    try #require(report.topics.flatMap(\.entries).first { $0.declaration.name == name })
  }

  @Test func `finds nothing wrong where nothing is set`() {
    let report = report(["PATH": "/bin", "HOME": "/", "LANG": "C.UTF-8"])
    #expect(report.problems.isEmpty)
    #expect(report.linesOfFile.isEmpty)
    #expect(!report.listing.contains("wrong"))
  }

  @Test(arguments: [
    ("ACCESS_TOKEN_SECONDS", "1d"), ("BCRYPT_COST", "99"), ("REMINDER_LEAD_TIMES", "soon"),
    ("LOG_LEVEL", "verbose"), ("SIGN_UP", "clsed"), ("RATE_LIMIT", "none"), ("CRON", "maybe"),
    ("PORT_OFFSET", "x"), ("JWT_KEYS_FILE", "/nowhere/keys.json"), ("PREPARED_STATEMENTS", "no"),
    ("LOG_FILE", "/tmp/\u{1B}x"), ("JWT_ISSUER", "it's"), ("JWT_AUDIENCE", "a #b"),
  ])
  func `names a wrong value with its setting`(name: String, text: String) throws {
    let report = report([name: text])
    let problem = try #require(report.problems.first)
    #expect(report.problems.count == 1)
    #expect(problem.hasPrefix(name))
    #expect(problem.hasSuffix("(it is '\(text)', environment)"))
    #expect(report.listing.contains("! wrong: \(name)"))
  }

  @Test func `names all that is wrong at once`() {
    let report = report(
      ["BCRYPT_COST": "99", "SMPT_URL": "smtp://mail", "DATABASE_URL_TASK": "postgresql:///t"],
      file: "LOG_LEVEL=loud\nBCRIPT_COST=5\nCRON=off\nCRON=off\n"
    )
    #expect(
      report.problems == [
        "BCRYPT_COST must be a number from 4 to 15 (it is '99', environment)",
        "LOG_LEVEL must be debug, info, warning, error, or off (it is 'loud', tasks.conf:1)",
        "SMPT_URL in the environment is not a setting: did you mean SMTP_URL?",
        "tasks.conf, line 4: CRON is already set in line 3",
        "tasks.conf, line 2: BCRIPT_COST is not a setting: did you mean BCRYPT_COST?",
        "DATABASE_URL_USER and DATABASE_URL_AUTH and DATABASE_URL_NOTIFICATION must be set, too: DATABASE_URL_USER, DATABASE_URL_AUTH, DATABASE_URL_TASK, DATABASE_URL_NOTIFICATION, or none of them",
      ]
    )
  }

  @Test func `lets the environment take precedence over the file, and says so`() throws {
    let report = report(
      ["BCRYPT_COST": "5", "SIGN_UP": ""],
      file: "BCRYPT_COST=13\nSIGN_UP=closed\nLOG_LEVEL=error\n"
    )
    #expect(report.problems.isEmpty)
    let cost = try entry("BCRYPT_COST", in: report)
    #expect(cost.text == "5" && cost.source == .environment && cost.overruledLine == 1)
    #expect(try entry("SIGN_UP", in: report).source == .file(line: 2))
    #expect(report.linesOfFile == ["SIGN_UP=closed", "LOG_LEVEL=error"])
    let line = try #require(
      report.listing.split(separator: "\n").first { $0.contains("BCRYPT_COST") }
    )
    #expect(line.hasSuffix("environment (which wins over tasks.conf:1)"))
  }

  @Test func `refuses in the file what comes from elsewhere`() {
    let report = report(
      ["DATABASE_URL": "not looked at"],
      file: "STATE_DIR=/srv\nDATABASE_URL=postgresql:///x\n"
    )
    #expect(
      report.problems == [
        "tasks.conf, line 1: STATE_DIR is needed before this file is read: set it in the environment",
        "tasks.conf, line 2: DATABASE_URL is set by scripts/run itself",
      ]
    )
  }

  @Test func `asks the mail and push libraries about what only they know`() {
    let checks = Settings.notificationChecks
    func problems(_ name: String, _ text: String) -> [String] {
      report([name: text], checks: checks).problems
    }
    #expect(
      problems("SMTP_URL", "mail.example.com:s3cret") == [
        "SMTP_URL is not a URL such as smtp://host:25 or smtps://host:465 (environment)"
      ]
    )
    #expect(problems("SMTP_URL", "smtps://tasks:s3cret@mail.example.com") == [])
    #expect(
      problems("MAIL_FROM", "Tasks <tasks>").first?.hasPrefix("MAIL_FROM: the address") == true
    )
    #expect(problems("MAIL_FROM", "Tasks, all <tasks@example.com>") == [])
    #expect(problems("VAPID_SUBJECT", "ada").first?.hasPrefix("VAPID_SUBJECT must be") == true)
    #expect(problems("VAPID_KEY_FILE", "/dev/null").first?.hasPrefix("VAPID_KEY_FILE: ") == true)
  }

  @Test func `shows no password, valid or not`() {
    let environment = [
      "SMTP_URL": "smtp://tasks:s3cret@mail", "DATABASE_URL_USER": "s3cret",
      "PUBLIC_URL": "ftp://ada:s3cret@x", "USER_SERVICE_URL": "http://ada:s3cret@x",
    ]
    let report = report(environment, checks: Settings.notificationChecks)
    #expect(!report.listing.contains("s3cret"))
    #expect(!report.problems.joined().contains("s3cret"))
    #expect(report.listing.contains("smtp://tasks:***@mail"))
  }

  @Test func `lists every setting that an operator can set`() {
    let listing = report().listing
    for setting in DeclaredSetting.all.flatMap(\.settings).map(\.declaration) {
      #expect(
        listing.contains("  \(setting.name)  ") == (setting.origin != .run),
        "\(setting.name)"
      )
    }
  }

  @Test(arguments: ["DATABASE_URL_TASK_OWNER", "DATABASE_URL_TASK_DIRECT"])
  func `wants the URL of an owner, or of jobs, only beside the database's own`(name: String) {
    #expect(
      report([name: "postgresql:///t"]).problems == [
        "\(name) has no effect unless DATABASE_URL_TASK is set"
      ]
    )
  }
}
