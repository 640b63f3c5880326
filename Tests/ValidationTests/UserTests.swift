import API
import Endpoint
import Testing
import Validation
import Values

struct `A new user` {
  private func draft(_ fill: (inout CreateUserRequest) -> Void = { _ in }) throws -> UserDraft {
    try UserDraft(
      CreateUserRequest {
        $0.username = "ann"
        $0.email = "ann@example.org"
        $0.password = "correct horse"
        fill(&$0)
      }
    )
  }

  @Test func `starts with the defaults`() throws {
    let draft = try draft()
    #expect(draft.username == "ann")
    #expect(draft.email == "ann@example.org")
    #expect(draft.password == "correct horse")
    #expect(draft.fullName == nil)
    #expect(draft.timeZone == "UTC")
    #expect(draft.role == .user)
  }

  @Test(arguments: ["abc", "A.b_c-9", "...", "123", text(100), "Ann"])
  func `has a username of letters, digits and three signs`(username: String) throws {
    #expect(try draft { $0.username = username }.username == username)
  }

  @Test(arguments: [
    "", "ab", text(101), "a b", "ann!", "änn", "ann@example.org", "a/b", "ann\n", "ann\u{0}", "аnn",
    "😀😀😀", "a\u{301}nn", "\u{212A}elvin", "１２３",
  ])
  func `has no other username`(username: String) throws {
    #expect(
      try violations { _ = try draft { $0.username = username } }.keys.sorted() == ["username"]
    )
  }

  @Test(arguments: [
    "a@b.co", "first.last+tag@sub.example.org", "!#$%&'*+-/=?^_`{|}~@example.org",
    "a@xn--bcher-kva.example", "1@2.example", "a@1.2.3.4a", "A@EXAMPLE.ORG",
    "\(text(64))@example.org", "a@\(text(63)).org",
  ])
  func `has an address that mail can be sent to`(email: String) throws {
    #expect(try draft { $0.email = email }.email == email)
  }

  @Test(arguments: [
    "", "a", "@", "a@", "@b.co", "a@b", "a@@b.co", "a@b@c.co", "a b@c.co", "a@b c.co", "\ta@b.co",
    "a@b.co\n", ".a@b.co", "a.@b.co", "a..b@c.co", "a@.co", "a@b.", "a@b..co", "a@-b.co",
    "a@b-.co", "a@b_c.co", "a@1.2.3.4", "a@[1.2.3.4]", "\"a b\"@c.co", "a,b@c.co", "a<b>@c.co",
    "Ann <a@b.co>", "ä@b.co", "a@☃.de", "a@b.co\u{0}", "a@b.co\r\nBcc: x@y.zz",
    "\(text(65))@b.co", "a@\(text(64)).co", "a@" + text(100, of: "a.") + text(60),
  ])
  func `has no other address`(email: String) throws {
    #expect(try violations { _ = try draft { $0.email = email } }.keys.sorted() == ["email"])
  }

  @Test(arguments: [
    ("x@münchen.de", "x@xn--mnchen-3ya.de"), ("X@MÜNCHEN.de", "X@xn--mnchen-3ya.de"),
    (" x@mu\u{308}nchen.de\u{A0}", "x@xn--mnchen-3ya.de"), ("\u{FEFF}a@b.co", "a@b.co"),
  ])
  func `has an address in the form that mail servers know, by which it signs in as well`(
    typed: String,
    email: String
  ) throws {
    #expect(try draft { $0.email = typed }.email == email)
    let credentials = try Credentials(
      LoginRequest {
        $0.email = typed
        $0.password = "secret"
      }
    )
    #expect(credentials.name == .email(email))
    #expect(
      try EmailDraft(
        SendEmailRequest {
          $0.recipient = typed
          $0.subject = "Hello"
          $0.body = "Hello"
        }
      ).recipient == email
    )
  }

  @Test func `says why an address is none`() throws {
    #expect(
      try violations { _ = try draft { $0.email = "jürgen@example.com" } }
        == ["email": "has a name that is not ASCII, which many mail servers do not take"]
    )
  }

  /// Accounts may have addresses that were valid when they were made.
  @Test func `signs in by an address of an older rule`() throws {
    let old = "a@" + [text(63), text(63), text(63), text(61)].joined(separator: ".")
    let credentials = try Credentials(
      LoginRequest {
        $0.email = old
        $0.password = "secret"
      }
    )
    #expect(old.utf8.count == 255 && credentials.name == .email(old))
    let contact = SaveContactRequest {
      $0.userID = ann.userID.text
      $0.email = old
      $0.timeZone = "UTC"
    }
    #expect(throws: Never.self) { try contact.check() }
  }

  @Test func `has an address of at most 254 bytes`() throws {
    func email(_ count: Int) -> String {
      let domain = "@" + text(63) + "." + text(63) + "." + text(63) + "."
      return "a" + domain + text(count - 1 - domain.utf8.count)
    }
    #expect(try draft { $0.email = email(254) }.email.utf8.count == 254)
    #expect(try violations { _ = try draft { $0.email = email(255) } }.keys.sorted() == ["email"])
  }

  @Test(arguments: [
    text(8), text(72), text(36, of: "é"), text(18, of: "😀"), "        ", "päss\u{1}wörd",
  ])
  func `has a password of 8 to 72 bytes`(password: String) throws {
    #expect(try draft { $0.password = password }.password == password)
  }

  @Test(arguments: [
    "", text(7), text(73), text(37, of: "é"), text(19, of: "😀"), "password\u{0}", text(100_000),
  ])
  func `has no other password`(password: String) throws {
    let details = try violations { _ = try draft { $0.password = password } }
    #expect(details.keys.sorted() == ["password"])
    #expect(password.isEmpty || details["password"]?.contains(password.prefix(7)) == false)
  }

  @Test(arguments: ["", "Ann", text(255, of: "é")])
  func `has a full name of at most 255 characters`(name: String) throws {
    #expect(try draft { $0.fullName = name }.fullName == name)
  }

  @Test(arguments: [text(256), text(128, of: "e\u{301}"), "Ann\u{0}"])
  func `has no other full name`(name: String) throws {
    #expect(try violations { _ = try draft { $0.fullName = name } }.keys.sorted() == ["full_name"])
  }

  @Test(arguments: [
    "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kathmandu", "Etc/GMT+5",
    "America/Port-au-Prince",
  ])
  func `has a time zone of the IANA database`(zone: String) throws {
    #expect(try draft { $0.timeZone = zone }.timeZone == zone)
  }

  @Test(arguments: [
    "", "Europe", "Europe/Atlantis", "europe/berlin", "Berlin", "+02:00", "UTC+2", "/etc/localtime",
    "../../../etc/localtime", "Europe/../Europe/Berlin", "Europe/./Berlin", "Europe/Berlin/",
    "Europe//Berlin", "localtime", "posix/Europe/Berlin", "posixrules", "right/UTC", "tzdata.zi",
    "zone.tab", "leap-seconds.list", "Europe/Berlin\u{0}", "Europe/Berlin ", text(65),
  ])
  func `has no other time zone`(zone: String) throws {
    #expect(try violations { _ = try draft { $0.timeZone = zone } }.keys.sorted() == ["time_zone"])
  }

  @Test func `that is wrong in many ways has all of them named at once`() throws {
    let details = try violations {
      _ = try draft {
        $0.username = "a"
        $0.email = "b"
        $0.password = "c"
        $0.fullName = text(256)
        $0.timeZone = "Mars"
      }
    }
    #expect(details.keys.sorted() == ["email", "full_name", "password", "time_zone", "username"])
  }
}

struct `Changes to a user` {
  private func changes(
    _ mask: [String]? = nil,
    by caller: Caller = ann,
    _ fill: (inout UpdateUserRequest) -> Void = { _ in }
  ) throws -> UserChanges {
    try UserChanges(
      UpdateUserRequest {
        if let mask { $0.updateMask.names = mask }
        fill(&$0)
      },
      caller: caller
    )
  }

  @Test(arguments: [nil, []] as [[String]?])
  func `that name nothing change nothing`(mask: [String]?) throws {
    let changes = try changes(mask)
    #expect(changes.username == nil)
    #expect(changes.email == nil)
    #expect(changes.fullName == .none)
    #expect(changes.timeZone == nil)
    #expect(changes.password == nil)
    #expect(changes.role == nil)
    #expect(changes.expectedVersion == nil)
  }

  @Test(arguments: [nil, UpdateUserRequest.replaceableFields + ["password", "role"]])
  func `are what is set, with a mask that names it or without one`(mask: [String]?) throws {
    let changes = try changes(mask, by: admin) {
      $0.username = "new-name"
      $0.email = "new@example.org"
      $0.fullName = "New Name"
      $0.timeZone = "Europe/Berlin"
      $0.password = "new password"
      $0.role = .service
      $0.expectedVersion = 7
    }
    #expect(changes.username == "new-name")
    #expect(changes.email == "new@example.org")
    #expect(changes.fullName == "New Name")
    #expect(changes.timeZone == "Europe/Berlin")
    #expect(changes.password == "new password")
    #expect(changes.role == .service)
    #expect(changes.expectedVersion == 7)
  }

  @Test func `that a mask names and nothing sets clear, or set the default`() throws {
    let changes = try changes(["full_name", "time_zone"])
    #expect(changes.fullName == .some(nil))
    #expect(changes.timeZone == "UTC")
    #expect(changes.username == nil)
  }

  @Test func `cannot clear what every user has`() throws {
    let details = try violations {
      _ = try changes(["username", "email", "password", "role"], by: admin)
    }
    #expect(details.keys.sorted() == ["email", "password", "role", "username"])
  }

  /// So that a client may send back all that it has read.
  @Test
  func `are those that the mask names, and whatever else is set is ignored, even if it is wrong`()
    throws
  {
    let changes = try changes(["full_name"]) {
      $0.fullName = "New"
      $0.username = "x"
      $0.email = "x"
      $0.role = .admin
      $0.password = "x"
      $0.timeZone = "Mars"
    }
    #expect(changes.fullName == "New")
    #expect(changes.username == nil)
    #expect(changes.email == nil)
    #expect(changes.role == nil)
    #expect(changes.password == nil)
    #expect(changes.timeZone == nil)
    #expect(try self.changes([]) { $0.fullName = "New" }.fullName == .none)
  }

  @Test func `are those of a PUT when the mask is an asterisk`() throws {
    let changes = try changes(["*"]) {
      $0.username = "ann"
      $0.email = "ann@example.org"
      $0.pushNotifications = false
    }
    #expect(changes.username == "ann")
    #expect(changes.fullName == .some(nil))
    #expect(changes.timeZone == "UTC")
    #expect(changes.pushNotifications == false)
    #expect(changes.emailNotifications == nil)
    #expect(changes.password == nil)
    #expect(changes.role == nil)
    #expect(
      try violations { _ = try self.changes(["*"]) }
        == ["username": "is required", "email": "is required"]
    )
  }

  @Test(arguments: ["id", "version", "current_password", "created_at", "Username", ""])
  func `are only of what can be changed`(name: String) throws {
    #expect(try violations { _ = try changes([name], by: admin) }.keys.sorted() == ["update_mask"])
  }

  @Test func `of the password need the one until now, from anyone but an admin`() throws {
    let details = try violations { _ = try changes { $0.password = "new password" } }
    #expect(details.keys.sorted() == ["current_password"])
    let changed = try changes {
      $0.password = "new password"
      $0.currentPassword = "old password"
    }
    #expect(changed.password == "new password")
    #expect(changed.currentPassword == "old password")
    #expect(try changes(by: admin) { $0.password = "new password" }.currentPassword == nil)
  }

  @Test(arguments: [Role.user, .admin, .service])
  func `of the role are an admin's to make`(role: Role) throws {
    #expect(try changes(by: admin) { $0.role = role }.role == role)
    for caller in [ann, service] where caller.role != .user || role != .user {
      #expect(try code { _ = try changes(by: caller) { $0.role = role } } == .permissionDenied)
    }
  }

  @Test func `leave out the role that a user has anyway`() throws {
    let changes = try changes(by: ann) {
      $0.role = .user
      $0.fullName = "Ann"
    }
    #expect(changes.role == nil)
    #expect(changes.fullName == "Ann")
  }

  @Test func `keep to the bounds of a new user, all of them at once`() throws {
    let details = try violations {
      _ = try changes {
        $0.username = "a b"
        $0.email = "nowhere"
        $0.fullName = text(256)
        $0.timeZone = "Mars"
        $0.password = text(73)
        $0.role = .UNRECOGNIZED(4)
      }
    }
    #expect(
      details.keys.sorted() == [
        "current_password", "email", "full_name", "password", "role", "time_zone", "username",
      ]
    )
  }
}

struct `What somebody signs in with` {
  private func credentials(_ fill: (inout LoginRequest) -> Void) throws -> Credentials {
    try Credentials(LoginRequest(fill))
  }

  @Test func `is a username and a password, or an address and a password`() throws {
    let byName = try credentials {
      $0.username = "ann"
      $0.password = "p"
    }
    #expect(byName.name == .username("ann"))
    #expect(byName.password == "p")
    let byEmail = try credentials {
      $0.email = "ann@example.org"
      $0.password = text(1024)
    }
    #expect(byEmail.name == .email("ann@example.org"))
    #expect(byEmail.password.utf8.count == 1024)
  }

  /// A refusal tells somebody who guesses nothing about the rules for names.
  @Test func `need not be a name that there can be`() throws {
    #expect(
      try credentials { ($0.username, $0.password) = ("no such name!", "p") }.name
        == .username("no such name!")
    )
    #expect(
      try credentials { ($0.email, $0.password) = ("nowhere", "p") }.name == .email("nowhere")
    )
  }

  @Test(
    arguments: [
      (nil, nil, "p", ["username"]), ("ann", "a@b.co", "p", ["username"]),
      ("", nil, "p", ["username"]), (nil, "", "p", ["email"]), (text(256), nil, "p", ["username"]),
      ("a\u{0}", nil, "p", ["username"]), ("ann", nil, "", ["password"]),
      ("ann", nil, text(1025), ["password"]), (nil, nil, "", ["password", "username"]),
    ] as [(String?, String?, String, [String])]
  )
  func `is refused otherwise`(username: String?, email: String?, password: String, fields: [String])
    throws
  {
    let details = try violations {
      _ = try credentials {
        if let username { $0.username = username }
        if let email { $0.email = email }
        $0.password = password
      }
    }
    #expect(details.keys.sorted() == fields)
  }
}
