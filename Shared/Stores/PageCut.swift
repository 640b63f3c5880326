import Validation

extension Array {
  /// Leaves what belongs to a page of rows that were asked for with one more than it has, and gives the token of the page
  /// that follows: empty when none does.
  ///
  /// - Throws: what `token` throws.
  mutating func cut(to page: Page, token: (_ last: Element) throws -> String) rethrows -> String {
    guard count > page.size else { return "" }
    removeLast(count - page.size)
    return try token(self[page.size - 1])
  }
}
