private import CPostgreSQL

/// The address of a database in libpq's form.
public enum ConnectionString {
  /// Tells whether libpq can read a text as a connection string or URI, without connecting.
  ///
  /// The corresponding C function is `PQconninfoParse`. Its messages are dropped, since they quote the text, which may
  /// hold a password.
  public static func isValid(_ text: String) -> Bool {
    var message: UnsafeMutablePointer<CChar>?
    defer { PQfreemem(message) }
    guard let options = PQconninfoParse(text, &message) else { return false }
    PQconninfoFree(options)
    return true
  }
}
