/// How long and how large values may be: what `Rules` checks, and what the API's description says.
public enum Bounds {
  /// Characters of a user's name.
  public static let username = 3...100
  /// Characters of an e-mail address.
  public static let email = 1...255
  /// Bytes of a password: bcrypt reads no more.
  public static let passwordBytes = 8...72
  /// Bytes of what somebody types for a password.
  public static let typedPasswordBytes = 1...1024
  /// Characters of what somebody types for a name or an address.
  public static let typedName = 1...255
  /// Characters of a person's full name.
  public static let fullName = 0...255
  /// Characters of the name of a time zone.
  public static let timeZone = 1...64
  /// Characters of a task's title.
  public static let title = 1...255
  /// Characters of a task's description.
  public static let description = 0...10_000
  /// Characters of the words that tasks are searched by.
  public static let words = 0...255
  /// Rows of a page.
  public static let pageSize = 1...200
  /// Rows of a page when nothing is said.
  public static let defaultPageSize = 50
  /// Bytes of a page token.
  public static let pageToken = 0...512
  /// How often a filter may be repeated.
  public static let filterValues = 20
  /// Characters of an address that mail is sent to. Source: RFC 5321 §4.5.3.1.3, without the brackets.
  public static let recipient = 1...254
  /// Characters of the subject of a notification.
  public static let subject = 1...255
  /// Characters of the text of an e-mail.
  public static let mailBody = 1...10_000
  /// Characters of the text of a notice, which goes to browsers too.
  public static let noticeBody = 1...2000
  /// Characters of what makes two notices the same.
  public static let notificationKey = 1...120
  /// Characters of the text of a push message.
  public static let pushBody = 0...2000
  /// Browsers of one user that take push messages.
  public static let subscriptions = 20
  /// Characters of the URL that a push service has given a browser.
  public static let endpoint = 1...2048
  /// When a subscription ends, in milliseconds since 1970: up to the year 9999.
  public static let expirationTime = 0...253_402_300_799_999
  /// How long before the due date a reminder may be meant to go out, in minutes: up to four weeks.
  public static let leadMinutes = 0...40_320
  /// Reminders of one task.
  public static let reminders = 10
}
