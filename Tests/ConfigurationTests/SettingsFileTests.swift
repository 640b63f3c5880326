import Configuration
import Testing

struct `A settings file` {
  private func read(_ text: String) -> SettingsFile { SettingsFile(parsing: Array(text.utf8)) }

  @Test func `has settings, comments and empty lines`() {
    let file = read(
      """
      # How we run it
      BCRYPT_COST=13

        MAIL_FROM = Tasks, all of them <tasks@example.com>
      \t# SIGN_UP=closed
      SMTP_URL=smtp://user:a=b%20c@mail.example.com:587\r
      PUBLIC_URL=
      """
    )
    #expect(file.problems.isEmpty)
    #expect(
      file.entries.mapValues(\.text) == [
        "BCRYPT_COST": "13", "MAIL_FROM": "Tasks, all of them <tasks@example.com>",
        "SMTP_URL": "smtp://user:a=b%20c@mail.example.com:587", "PUBLIC_URL": "",
      ]
    )
    #expect(file.entries["MAIL_FROM"]?.line == 4)
  }

  @Test func `takes a value as it stands`() {
    let file = read("JWT_ISSUER=it's # all value\nLOG_FILE=$HOME/log")
    #expect(file.entries["JWT_ISSUER"]?.text == "it's # all value")
    #expect(file.entries["LOG_FILE"]?.text == "$HOME/log")
  }

  @Test(arguments: ["BCRYPT_COST", "BCRYPT_COST: 12", "=12", "export BCRYPT_COST=12", "A-B=1"])
  func `has no other lines`(line: String) {
    #expect(read("\n\(line)\n").problems == ["line 2 is not NAME=VALUE"])
  }

  @Test func `sets nothing twice, and says all that is wrong`() {
    let file = read("CRON=off\nCRON=on\nnonsense\nMAIL_FROM=\"Tasks <t@example.com>\"\n")
    #expect(
      file.problems == [
        "line 2: CRON is already set in line 1", "line 3 is not NAME=VALUE",
        "line 4: MAIL_FROM must be written without quotes",
      ]
    )
    #expect(file.entries["CRON"]?.text == "off")
  }

  @Test func `is UTF-8`() {
    let file = SettingsFile(parsing: Array("MAIL_FROM=".utf8) + [0xFF])
    #expect(file.problems == ["line 1: MAIL_FROM is not UTF-8"])
  }
}
