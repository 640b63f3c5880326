import Validation

/// The bounds of a page in bytes, beside its bound in rows.
///
/// A long text is not in the row that a list reads: its length is, and the row is read once more with it. So most lists
/// need one statement, which cannot read more than a page may have: 201 rows of at most `longestInRow` and the
/// other columns are less than 1 MiB.
enum PageBytes {
  /// The text of a page, as JSON has it, ends before this; but one row may always have all of its text.
  static let maximum = 1 << 20
  /// The longest text that is read with the row of a list.
  static let longestInRow = 2048
  /// So many rows stay within a page, whatever short texts they have: the texts of one are less than 20 kB in JSON, even if
  /// each byte of them were a control character.
  static let rowsThatFit = 50

  /// The bytes of a text in JSON, of which those of a control character are six.
  static func count(_ text: String) -> Int {
    text.utf8.reduce(0) { count, byte in
      switch byte {
      case 0..<0x20, 0x7F: count + 6
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): count + 2
      default: count + 1
      }
    }
  }
}

/// The long texts that are not in the rows of a list: their lengths in bytes, by the rows' ids.
typealias LongTexts = [String: Int]

extension Array {
  /// Removes the extra row that shows that another page follows, and what is too much text for a page, and completes the rows
  /// whose long texts are missing.
  ///
  /// `length` is the number of bytes of the texts in a row, and `bytes` what becomes of them in JSON. `read` returns the
  /// complete rows by id. One that has been deleted by now is left out.
  /// - Returns: the token of the page that follows; empty when there is none.
  /// - Throws: what `read` and `token` throw.
  mutating func cut(
    to page: Page,
    completing long: LongTexts,
    id: (Element) -> String,
    length: (Element) -> Int,
    bytes: (Element) -> Int,
    read: (_ ids: [String]) throws -> [String: Element],
    token: (_ last: Element) throws -> String
  ) throws -> String {
    // Nearly all pages are far from the limit, even if each of their bytes were a control character.
    if long.isEmpty,
      page.size <= PageBytes.rowsThatFit
        || 6 * reduce(0, { $0 + length($1) }) < PageBytes.maximum
    {
      return try cut(to: page, token: token)
    }
    var hasMore = count > page.size
    if hasMore { removeLast(count - page.size) }
    // By what is known of their lengths; control characters are counted when the texts are there.
    let fits = prefix { row in bytes(row) + (long[id(row)] ?? 0) }
    let missing = self[..<fits].map(id).filter { long[$0] != nil }
    let complete = missing.isEmpty ? [:] : try read(missing)
    let current = self[..<fits].map { long[id($0)] == nil ? $0 : complete[id($0)] }
    let kept = current.prefix { row in row.map(bytes) ?? 0 }
    hasMore = hasMore || kept < count
    // The last row as it was listed: by now, it may be in another place.
    let last = self[kept - 1]
    self = current[..<kept].compactMap { $0 }
    return hasMore ? try token(last) : ""
  }

  /// The number of rows whose bytes stay within those of a page, at least one.
  private func prefix(_ bytes: (Element) -> Int) -> Int {
    var total = 0
    for index in indices {
      total += bytes(self[index])
      if total >= PageBytes.maximum { return Swift.max(index, 1) }
    }
    return count
  }

  /// Removes the extra row that shows that another page follows.
  ///
  /// - Returns: the token of the page that follows; empty when there is none.
  /// - Throws: what `token` throws.
  mutating func cut(to page: Page, token: (_ last: Element) throws -> String) rethrows -> String {
    guard count > page.size else { return "" }
    removeLast(count - page.size)
    return try token(self[page.size - 1])
  }
}
