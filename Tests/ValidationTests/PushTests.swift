import API
import Endpoint
import Testing
import Validation
import Values

struct `A push message` {
  private func draft(_ change: (inout SendPushNotificationRequest) -> Void) throws -> PushDraft {
    var request = SendPushNotificationRequest {
      $0.userID = ann.userID.text.uppercased()
      $0.subject = "The report"
      $0.body = "It is\nready."
    }
    change(&request)
    return try PushDraft(request)
  }

  @Test func `is taken as it is, and may have no text`() throws {
    let draft = try draft { _ in }
    #expect(draft.userID == ann.userID)
    #expect(draft.subject == "The report")
    #expect(draft.body == "It is\nready.")
    #expect(try self.draft { $0.body = "" }.body.isEmpty)
    #expect(try self.draft { $0.body = text(2000, of: "💥") }.body.unicodeScalars.count == 2000)
  }

  @Test func `names every invalid field`() throws {
    let found = try violations {
      _ = try draft {
        $0.userID = "x"
        $0.subject = "one\ntwo"
        $0.body = text(2001)
      }
    }
    #expect(Set(found.keys) == ["user_id", "subject", "body"])
    #expect(try violations { _ = try draft { $0.subject = "" } }.keys.sorted() == ["subject"])
    #expect(
      try violations { _ = try draft { $0.subject = text(256) } }.keys.sorted() == ["subject"]
    )
    #expect(try violations { _ = try draft { $0.body = "a\0" } }.keys.sorted() == ["body"])
  }
}

struct `The draft of a push subscription` {
  private let valid: PushSubscriptionDraft.Service = ("https://push.example.net", [])

  private func request(_ change: (inout RegisterPushSubscriptionRequest) -> Void = { _ in })
    -> RegisterPushSubscriptionRequest
  {
    RegisterPushSubscriptionRequest {
      $0.endpoint = "https://push.example.net/x"
      $0.keys = PushKeys {
        $0.p256Dh = "p"
        $0.auth = "a"
      }
      change(&$0)
    }
  }

  @Test func `has the data of the browser`() throws {
    let milliseconds = now.seconds * 1000 + 1
    let draft = try PushSubscriptionDraft(
      request { $0.expirationTime = milliseconds },
      service: valid,
      at: now
    )
    #expect(draft.endpoint == "https://push.example.net/x")
    #expect(draft.origin == "https://push.example.net")
    #expect(draft.p256dh == "p")
    #expect(draft.auth == "a")
    #expect(draft.expiresAt == Instant(microseconds: milliseconds * 1000))
    #expect(try PushSubscriptionDraft(request(), service: valid, at: now).expiresAt == nil)
  }

  @Test(arguments: [Int64.min, -1, 253_402_300_800_000, .max, 1_700_000_000_000, 0])
  func `ends in the future, in a year that there is`(milliseconds: Int64) throws {
    let found = try violations {
      let request = request { $0.expirationTime = milliseconds }
      _ = try PushSubscriptionDraft(request, service: valid, at: now)
    }
    #expect(found.keys.sorted() == ["expirationTime"])
  }

  @Test func `names all that is wrong, and of keys that are missing no parts`() throws {
    let wrong: PushSubscriptionDraft.Service = (
      "", [("endpoint", "is none"), ("keys.p256dh", "is none"), ("keys.auth", "is none")]
    )
    let found = try violations {
      _ = try PushSubscriptionDraft(request { $0.expirationTime = -1 }, service: wrong, at: now)
    }
    #expect(found.keys.sorted() == ["endpoint", "expirationTime", "keys.auth", "keys.p256dh"])
    let missing = try violations {
      _ = try PushSubscriptionDraft(request { $0.clearKeys() }, service: wrong, at: now)
    }
    #expect(missing.keys.sorted() == ["endpoint", "keys"])
  }
}
