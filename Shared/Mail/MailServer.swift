private import CCurl

/// The server that takes our mail: the parts of a URL `smtp://…` or `smtps://…`.
///
/// The corresponding C functions are `curl_url_set` and `curl_url_get`.
struct MailServer {
  let user: String?
  let password: String?
  /// Scheme, host and port, for messages.
  let name: String
  /// The URL without user and password.
  let url: String

  /// - Throws: `MailFailure`, which does not show the URL: it may hold a password.
  init(_ text: String) throws {
    let failure = MailFailure("is not a URL such as smtp://host:25 or smtps://host:465")
    guard let url = curl_url() else { throw failure }
    defer { curl_url_cleanup(url) }
    guard curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK,
      let scheme = Self.part(CURLUPART_SCHEME, of: url), ["smtp", "smtps"].contains(scheme),
      let host = Self.part(CURLUPART_HOST, of: url),
      let port = Self.part(CURLUPART_PORT, of: url, CURLU_DEFAULT_PORT),
      Self.part(CURLUPART_QUERY, of: url) == nil, Self.part(CURLUPART_FRAGMENT, of: url) == nil
    else { throw failure }
    user = Self.part(CURLUPART_USER, of: url, CURLU_URLDECODE)
    password = Self.part(CURLUPART_PASSWORD, of: url, CURLU_URLDECODE)
    name = "\(scheme)://\(host):\(port)"
    curl_url_set(url, CURLUPART_USER, nil, 0)
    curl_url_set(url, CURLUPART_PASSWORD, nil, 0)
    guard let rest = Self.part(CURLUPART_URL, of: url) else { throw failure }
    self.url = rest
  }

  private static func part(_ part: CURLUPart, of url: OpaquePointer, _ flags: Int32 = 0) -> String?
  {
    var text: UnsafeMutablePointer<CChar>?
    defer { curl_free(text) }
    guard curl_url_get(url, part, &text, UInt32(flags)) == CURLUE_OK, let text else { return nil }
    return String(cString: text)
  }
}
