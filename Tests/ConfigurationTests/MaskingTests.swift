import Configuration
import Testing

struct `A password` {
  @Test(arguments: [
    ("smtp://mail.example.com:25", "smtp://mail.example.com:25"),
    ("smtps://tasks:s3cret@mail.example.com", "smtps://tasks:***@mail.example.com"),
    ("smtps://tasks@mail.example.com", "smtps://tasks@mail.example.com"),
    ("smtps://:s3cret@mail.example.com", "smtps://:***@mail.example.com"),
    ("smtps://tasks:s3c@ret@mail.example.com", "smtps://tasks:***@mail.example.com"),
    ("smtps://tasks:s3c/ret@mail.example.com", "smtps://tasks:***@mail.example.com"),
    ("smtps://tasks:s3c?r#et@mail.example.com", "smtps://tasks:***@mail.example.com"),
    (
      "postgresql://ada:s3cret@db/user_db?sslmode=require",
      "postgresql://ada:***@db/user_db?sslmode=require"
    ),
    (
      "postgresql://ada@/user_db?host=%2Frun&password=s3cret",
      "postgresql://ada@/user_db?host=%2Frun&password=***"
    ),
    (
      "postgresql:///user_db?sslPassword=s3cret&user=ada",
      "postgresql:///user_db?sslPassword=***&user=ada"
    ),
    ("host=db password=s3cret", "***"), ("s3cret", "***"), ("", "***"),
  ])
  func `of a secret setting is masked`(text: String, shown: String) {
    #expect(Masking.masked(text, isSecret: true) == shown)
  }

  @Test(arguments: [
    ("https://ada:s3cret@tasks.example.com", "https://ada:***@tasks.example.com"),
    ("https://tasks.example.com/a:b@c", "https://tasks.example.com/a:b@c"),
    ("Tasks <tasks@example.com>", "Tasks <tasks@example.com>"), ("12", "12"),
  ])
  func `in the URL of any other setting is masked, too`(text: String, shown: String) {
    #expect(Masking.masked(text, isSecret: false) == shown)
  }
}
