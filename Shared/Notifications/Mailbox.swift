import Runtime
import Values

/// The sender of a mail: an address, and a name if there is one. Source: RFC 5322 §3.4, `mailbox`.
struct Mailbox {
  let address: MailAddress
  let name: String?
  /// The part behind the `@`.
  let domain: String

  /// Reads `tasks@example.com` or `Task Management <tasks@example.com>`.
  ///
  /// - Throws: `Settings.Invalid`.
  init(_ text: String) throws {
    var address = text[...]
    var name: String?
    if text.hasSuffix(">"), let open = text.lastIndex(of: "<") {
      address = text[text.index(after: open)...].dropLast()
      name = String(text[..<open].reversed().drop { $0 == " " }.reversed())
    }
    do {
      self.address = try MailAddress(String(address))
    } catch let malformed as MailAddress.Malformed {
      throw Settings.Invalid(message: "MAIL_FROM: the address \(malformed)")
    }
    self.name = name?.isEmpty == true ? nil : name
    domain = String(self.address.text.split(separator: "@").last ?? "")
  }
}
