public import Endpoint
public import JSON

extension Problem {
  /// Writes the problem in the form that all errors have.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("error", message)
    json.member("code", code.rawValue)
    if !details.isEmpty {
      json.name("details")
      json.beginObject()
      for (field, reason) in details.sorted(by: { $0.key < $1.key }) {
        json.name(field)
        json.value(reason)
      }
      json.endObject()
    }
    json.endObject()
  }
}
