import Runtime
import Telemetry
import Testing
import Validation

private func message(_ name: String, _ text: String, _ read: (Settings) throws -> Void) -> String? {
  do {
    try read(Settings([name: text]))
    return nil
  } catch let error as Settings.Invalid {
    return error.message
  } catch {
    return "\(error)"
  }
}

struct `A setting` {
  @Test func `has its default when it is not set, or empty`() throws {
    for settings in [Settings([:]), Settings(["BCRYPT_COST": "", "SIGN_UP": "", "MAIL_FROM": ""])] {
      #expect(try settings[.bcryptCost] == 12)
      #expect(try settings[.signUpIsOpen])
      #expect(try settings[.mailFrom] == "Task Management <tasks@localhost.localdomain>")
      #expect(try settings[.logLevel] == .info)
      #expect(try settings[.leadTimes] == .usual)
      #expect(try settings[.publicURL] == nil)
    }
  }

  @Test func `has the value that its text stands for`() throws {
    let settings = Settings([
      "BCRYPT_COST": "4", "SIGN_UP": "closed", "LOG_LEVEL": "off", "SERVICE": "task",
      "REMINDER_LEAD_TIMES": "none", "PUBLIC_URL": "https://tasks.example.com//",
    ])
    #expect(try settings[.bcryptCost] == 4)
    #expect(try !settings[.signUpIsOpen])
    #expect(try settings[.logLevel] == .off)
    #expect(try settings[.service] == .task)
    #expect(try settings[.leadTimes].minutes.isEmpty)
    #expect(try settings[.publicURL] == "https://tasks.example.com")
  }

  @Test(arguments: ["3", "16", "99", "twelve", "+5", "-5", " 5", "5 ", "5.0", "0x5"])
  func `that is a number takes digits in its range alone`(text: String) {
    #expect(
      message("BCRYPT_COST", text) { _ = try $0[.bcryptCost] }
        == "BCRYPT_COST must be a number from 4 to 15"
    )
  }

  @Test func `that is a number takes both ends of its range`() throws {
    #expect(try Settings(["BCRYPT_COST": "15"])[.bcryptCost] == 15)
    #expect(try Settings(["PORT_OFFSET": "015481"])[.portOffset] == 15_481)
    #expect(message("PORT_OFFSET", "15482") { _ = try $0[.portOffset] } != nil)
  }

  @Test func `says what it must be`() {
    #expect(
      message("SIGN_UP", "clsed") { _ = try $0[.signUpIsOpen] } == "SIGN_UP must be open or closed"
    )
    #expect(
      message("LOG_LEVEL", "verbose") { _ = try $0[.logLevel] }
        == "LOG_LEVEL must be debug, info, warning, error, or off"
    )
    #expect(
      message("SERVICE", "health") { _ = try $0[.service] }
        == "SERVICE must be user, auth, task, or notification"
    )
    #expect(
      message("PUBLIC_URL", "tasks.example.com") { _ = try $0[.publicURL] }
        == "PUBLIC_URL must be a URL such as https://tasks.example.com"
    )
    #expect(
      message("REMINDER_LEAD_TIMES", "soon") { _ = try $0[.leadTimes] }?
        .hasPrefix("REMINDER_LEAD_TIMES: 'soon' is not a time before the due date") == true
    )
    #expect(
      message("LISTEN_ADDRESS", "127.0.0.1; daemon off") { _ = try $0[.listenAddress] }
        == "LISTEN_ADDRESS must be an IPv4 address or the name of a host"
    )
  }

  @Test func `that is required says that it is missing`() throws {
    #expect(
      message("SMTP_URL", "") { _ = try $0.required(.mailServerURL) } == "SMTP_URL is not set"
    )
    #expect(
      try Settings(["SMTP_URL": "smtp://mail"]).required(.mailServerURL) == "smtp://mail"
    )
  }
}

struct `The declarations` {
  private let all = DeclaredSetting.all.flatMap(\.settings)

  @Test func `name each setting once`() {
    let names = all.map(\.declaration.name)
    #expect(Set(names).count == names.count)
    #expect(names.count > 50)
  }

  @Test func `have defaults that are valid themselves`() throws {
    for setting in all {
      guard let text = setting.declaration.defaultText else { continue }
      try setting.check(text)
    }
  }

  @Test func `say in one sentence what each is for`() {
    for setting in all.map(\.declaration) {
      #expect(setting.sentence.hasSuffix("."), "\(setting.name)")
      #expect(setting.sentence.first?.isUppercase == true, "\(setting.name)")
      #expect(!setting.readers.isEmpty, "\(setting.name)")
    }
  }

  @Test func `call secret whatever may hold a password`() {
    #expect(
      Set(all.map(\.declaration).filter(\.isSecret).map(\.name)) == [
        "SMTP_URL", "DATABASE_URL", "DATABASE_URL_USER", "DATABASE_URL_TASK",
        "DATABASE_URL_NOTIFICATION", "DATABASE_URL_USER_OWNER", "DATABASE_URL_TASK_OWNER",
        "DATABASE_URL_NOTIFICATION_OWNER", "DATABASE_URL_USER_DIRECT", "DATABASE_URL_TASK_DIRECT",
        "DATABASE_URL_NOTIFICATION_DIRECT",
      ]
    )
  }

  @Test func `keep the password of the mail server within the service that sends mail`() throws {
    let setting = try #require(all.first { $0.declaration.name == "SMTP_URL" }).declaration
    #expect(setting.readers.functions == [.notification])
    #expect(setting.readers.jobs.map(\.service) == [.notification])
  }
}
