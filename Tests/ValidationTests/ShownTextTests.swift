import API
import Endpoint
import Testing
import Validation
import Values

struct `A text` {
  private func title(_ text: String) throws -> String {
    try TaskDraft(CreateTaskRequest { $0.title = text }, caller: ann).title
  }

  /// Nothing of these can be seen: blanks, controls, format characters, fillers, marks that mark nothing.
  static let invisible: [String] = [
    " ", "   \t\n\r\u{B}\u{C}", "\u{1}", "\u{1F}\u{7F}", "\u{85}", "\u{A0}", "\u{AD}", "\u{34F}",
    "\u{61C}",
    "\u{115F}", "\u{1160}", "\u{115F}\u{1160}", "\u{1680}", "\u{17B4}\u{17B5}", "\u{180B}",
    "\u{180E}",
    "\u{2000}\u{2003}\u{200A}", "\u{200B}", "\u{200C}\u{200D}", "\u{200E}\u{200F}",
    "\u{2028}\u{2029}",
    "\u{202A}\u{202E}\u{202C}", "\u{202F}", "\u{205F}", "\u{2060}\u{2061}\u{2064}",
    "\u{2066}\u{2069}", "\u{206F}",
    "\u{2800}", "\u{3000}", "\u{3164}", "\u{FE00}\u{FE0F}", "\u{FEFF}", "\u{FFA0}",
    "\u{FFF9}\u{FFFA}\u{FFFB}",
    "\u{13430}", "\u{1BCA0}", "\u{1D173}", "\u{E0001}\u{E0020}\u{E007F}", "\u{E0100}", "\u{301}",
    " \u{308}\u{20DD}", "\u{93E}", "\u{200B} \u{3164}\u{FE0F}\u{2800}",
  ]

  @Test(arguments: invisible)
  func `that shows nothing is empty`(text: String) throws {
    #expect(try violations { _ = try title(text) } == ["title": "must not be empty"])
    #expect(
      try TaskDraft(
        CreateTaskRequest {
          $0.title = "A"
          $0.description_p = text
        },
        caller: ann
      ).description == ""
    )
  }

  /// The second code point of each Hangul or Devanagari pair belongs to the first; so do selectors and tags.
  @Test(arguments: [
    "a", ".", "é", "e\u{301}", "\u{301}a", "牛奶", "नमः", "\u{1100}\u{1161}", "❤\u{FE0F}",
    "👩\u{200D}👧",
    "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "\u{600}", "\u{6DD}", "\u{E000}",
    "\u{378}", "\u{FFFD}",
    "\u{202E}abc\u{202C}", "می\u{200C}روم", "a\u{200B}b", "\u{200D}x", "a b", "a\u{AD}",
  ])
  func `that shows something stays as it is`(text: String) throws {
    #expect(try Array(title(text).unicodeScalars) == Array(text.unicodeScalars))
  }

  @Test(arguments: [
    " ", "\n", "\t ", "\u{A0}", "\u{3000}", "\u{200B}", "\u{FEFF}", "\u{2060}", "\u{2800}",
    "\u{3164}", "\u{2028}",
    "\r\n",
  ])
  func `loses the blanks around it, and then its length counts`(blank: String) throws {
    for core in ["a", "a\(blank)b", "é", "😀", text(255), text(255, of: "😀")] {
      let around = text(300, of: blank) + core + text(300, of: blank)
      // By scalars: two texts can be equal that have different ones.
      #expect(try Array(title(around).unicodeScalars) == Array(core.unicodeScalars))
    }
    let long = blank + text(256) + blank
    #expect(
      try violations { _ = try title(long) } == ["title": "must have at most 255 characters"]
    )
  }

  @Test func `cannot hide a NUL`() throws {
    for text in ["\0", " \0", "a\0", "\0a"] {
      #expect(try violations { _ = try title(text) } == ["title": "must not contain U+0000"])
    }
  }

  @Test func `of a user's name has no blanks around it either`() throws {
    let draft = try UserDraft(
      CreateUserRequest {
        $0.username = " ann "
        $0.email = "ann@example.org"
        $0.password = " correct horse "
        $0.fullName = "\u{3000}Ann \u{200B}"
      }
    )
    #expect(draft.username == "ann")
    #expect(draft.fullName == "Ann")
    #expect(draft.password == " correct horse ")
    let details = try violations {
      _ = try UserDraft(
        CreateUserRequest {
          $0.username = "   "
          $0.email = "\u{200B}"
          $0.password = "correct horse"
        }
      )
    }
    #expect(details == ["username": "must not be empty", "email": "must not be empty"])
  }

  @Test func `by which somebody signs in has no blanks around it`() throws {
    let byName = try Credentials(
      LoginRequest {
        $0.username = " ann\u{A0}"
        $0.password = " secret "
      }
    )
    #expect(byName.name == .username("ann"))
    #expect(byName.password == " secret ")
    let byEmail = try Credentials(
      LoginRequest {
        $0.email = "\tann@example.org "
        $0.password = "secret"
      }
    )
    #expect(byEmail.name == .email("ann@example.org"))
    let details = try violations {
      _ = try Credentials(
        LoginRequest {
          $0.username = "\u{2800}"
          $0.password = "secret"
        }
      )
    }
    #expect(details == ["username": "must not be empty"])
  }

  @Test(arguments: invisible)
  func `is needed in a mail and a push message`(text: String) throws {
    let mail = try violations {
      _ = try EmailDraft(
        SendEmailRequest {
          $0.recipient = "ann@example.org"
          $0.subject = text
          $0.body = text
        }
      )
    }
    #expect(mail.keys.sorted() == ["body", "subject"])
    let push = try violations {
      _ = try PushDraft(
        SendPushNotificationRequest {
          $0.userID = ann.userID.text
          $0.subject = text
          $0.body = text
        }
      )
    }
    #expect(push.keys.sorted() == ["subject"])
    let notice = try violations {
      _ = try NotificationDraft(
        NotifyUserRequest {
          $0.userID = ann.userID.text
          $0.key = text
          $0.subject = text
          $0.body = text
        }
      )
    }
    #expect(notice.keys.sorted() == ["body", "key", "subject"])
  }

  /// A title may have been saved when it was allowed to be blank: its reminder is still owed.
  @Test func `that was saved by an older rule is taken as it is`() throws {
    let draft = try ReminderDraft(
      SendTaskReminderRequest {
        $0.taskID = ann.userID.text
        $0.userID = ann.userID.text
        $0.title = "  "
        $0.dueDate = Timestamp(now)
      }
    )
    #expect(draft.title == "  ")
  }
}
