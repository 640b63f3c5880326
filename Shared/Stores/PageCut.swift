import Validation

extension Array {
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
