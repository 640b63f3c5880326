/// Values of settings as they may be shown.
public enum Masking {
  static let mask = "***"

  /// A value without its password.
  ///
  /// A password stands in a URL before the `@`, or in its query. Whatever else may hold one is masked as a whole. Rather
  /// too much is masked than too little: a password may itself contain an `@` or a slash that is not escaped.
  public static func masked(_ text: String, isSecret: Bool) -> String {
    guard let scheme = text.firstRange(of: "://") else { return isSecret ? mask : text }
    var rest = String(text[scheme.upperBound...])
    var query = ""
    if let at = rest.lastIndex(of: "@") {
      let user = rest[..<at].prefix { $0 != ":" }
      let hasPassword = user.endIndex < at
      // A slash or a question mark before the first colon, and the `@` is in the path.
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
