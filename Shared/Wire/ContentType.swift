/// The type of a body, and its character set. Source: RFC 9110 §8.3.1.
struct ContentType {
  /// In lower case: `application/json`.
  let name: String
  /// In lower case, without quotes; `nil` when the type does not say it. Of several, the first that is not UTF-8.
  let charset: String?

  init(_ text: String) {
    // Nearly all clients write it like this.
    if text == "application/json" {
      name = text
      charset = nil
      return
    }
    let parts = text.lowercased().split(separator: ";", omittingEmptySubsequences: false)
      .map(Self.trimmed)
    name = String(parts[0])
    let charsets = parts.dropFirst().compactMap { parameter -> String? in
      let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(Self.trimmed)
      guard pair.count == 2, pair[0] == "charset" else { return nil }
      let isQuoted = pair[1].utf8.count >= 2 && pair[1].hasPrefix("\"") && pair[1].hasSuffix("\"")
      return String(isQuoted ? pair[1].dropFirst().dropLast() : pair[1])
    }
    charset = charsets.first { !Self.isUTF8($0) } ?? charsets.first
  }

  /// Whether it is JSON's: a merge patch, which is what our PATCH takes (RFC 7396), only there.
  func isJSON(of method: String) -> Bool {
    name == "application/json" || name == "application/merge-patch+json" && method == "PATCH"
  }

  /// Whether the body is in UTF-8, or may be. The name without the hyphen is a common mistake.
  var isUTF8: Bool { charset.map(Self.isUTF8) ?? true }

  private static func isUTF8(_ charset: String) -> Bool { charset == "utf-8" || charset == "utf8" }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}
