extension String {
  /// The beginning of a text, for a message: at most `maximumBytes`, cut between Unicode scalars.
  public func excerpt(maximumBytes: Int = 64) -> String {
    if utf8.count <= maximumBytes { return self }
    var excerpt = String.UnicodeScalarView()
    var bytes = 0
    for scalar in unicodeScalars {
      bytes += UTF8.width(scalar)
      if bytes > maximumBytes { break }
      excerpt.append(scalar)
    }
    return String(excerpt) + "…"
  }
}
