/// The form in which values of settings may be shown.
public enum Masking {
  static let mask = "***"

  /// A value without its password.
  ///
  /// A URL's password is before the `@`, or in its query. Any other value that may contain one is masked completely.
  /// If in doubt, too much is masked: a password may itself contain an `@` or a slash that is not escaped.
  public static func masked(_ text: String, isSecret: Bool) -> String {
    guard let scheme = text.firstRange(of: "://") else { return isSecret ? mask : text }
    var rest = String(text[scheme.upperBound...])
    var query = ""
    if let at = rest.lastIndex(of: "@") {
      let user = rest[..<at].prefix { $0 != ":" }
      let hasPassword = user.endIndex < at
      // With a slash or a question mark before the first colon, the `@` is in the path.
      if hasPassword, !user.contains(where: { "/?#".contains($0) }) {
        rest = "\(user):\(mask)\(rest[at...])"
      }
    }
    if let mark = rest.firstIndex(of: "?") {
      query = "?" + maskedQuery(rest[rest.index(after: mark)...])
      rest = String(rest[..<mark])
    }
    return text[..<scheme.upperBound] + rest + query
  }

  private static func maskedQuery(_ query: Substring) -> String {
    query.split(separator: "&", omittingEmptySubsequences: false)
      .map { pair in
        let name = pair.prefix { $0 != "=" }
        return name.lowercased().contains("pass") ? "\(name)=\(mask)" : String(pair)
      }
      .joined(separator: "&")
  }
}
