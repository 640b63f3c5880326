import Mail
public import Runtime
import Values
import WebPush

// Settings whose form only the mail and push libraries know.
extension Settings {
  /// A sender by `SMTP_URL`, `MAIL_TLS` and `MAIL_CA_FILE`.
  ///
  /// - Throws: `Settings.Invalid`.
  var mailSender: MailSender {
    get throws {
      try mailSender(requiresTLS: self[.requiresMailTLS], caFile: self[.mailCertificates])
    }
  }

  private func mailSender(requiresTLS: Bool, caFile: String?) throws -> MailSender {
    do {
      return try MailSender(
        url: required(.mailServerURL),
        requiresTLS: requiresTLS,
        caFile: caFile
      )
    } catch let failure as MailFailure {
      throw Invalid(message: "SMTP_URL \(failure.reason)")
    }
  }

  /// The sender of all mail, by `MAIL_FROM`.
  ///
  /// - Throws: `Settings.Invalid`.
  var mailbox: Mailbox { get throws { try Mailbox(self[.mailFrom]) } }

  /// The key by which push services know us, from `VAPID_KEY_FILE`.
  ///
  /// - Throws: `Settings.Invalid`.
  var vapidKey: VAPIDKey {
    get throws {
      do {
        return try VAPIDKey(file: required(.vapidKeyFile))
      } catch let failure as PushFailure {
        throw Invalid(message: "VAPID_KEY_FILE: \(failure)")
      }
    }
  }

  /// The contact for push services, by `VAPID_SUBJECT` or else the address of `MAIL_FROM`.
  ///
  /// - Throws: `Settings.Invalid`.
  var vapidContact: String {
    get throws {
      let subject = try self[.vapidSubject] ?? "mailto:\(mailbox.address.text)"
      guard VAPIDKey.isSubject(subject) else {
        throw Invalid(message: "VAPID_SUBJECT must be a mailto: or https: URI")
      }
      return subject
    }
  }

  /// Checks, by the name of the setting, of what its declaration leaves to the mail and push libraries. A check throws
  /// `Settings.Invalid`.
  public static var notificationChecks: [String: (Settings) throws -> Void] {
    [
      // By itself: the others have messages of their own.
      "SMTP_URL": { _ = try $0.mailSender(requiresTLS: false, caFile: nil) },
      "MAIL_FROM": { _ = try $0.mailbox },
      "VAPID_KEY_FILE": { _ = try $0.vapidKey },
      "VAPID_SUBJECT": { _ = try $0.vapidContact },
    ]
  }
}
