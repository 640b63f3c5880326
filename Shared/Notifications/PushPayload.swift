import JSON

/// The payload that a browser's service worker receives: `{"id": …, "title": …, "body": …}`.
enum PushPayload {
  /// The payload in at most so many bytes: a body that is too long ends between two characters, with an ellipsis.
  static func bytes(id: String, title: String, body: String, maximum: Int) -> [UInt8] {
    func encoded(_ body: String) -> [UInt8] {
      var json = JSONWriter(capacity: 1024)
      json.beginObject()
      json.member("id", id)
      json.member("title", title)
      json.member("body", body)
      json.endObject()
      return json.bytes
    }
    let whole = encoded(body)
    if whole.count <= maximum { return whole }
    // Escapes make some characters longer, so what fits is found by trying.
    let characters = Array(body)
    var (fitting, tooMany) = (0, characters.count)
    while tooMany - fitting > 1 {
      let middle = (fitting + tooMany) / 2
      if encoded(String(characters[..<middle]) + "…").count <= maximum {
        fitting = middle
      } else {
        tooMany = middle
      }
    }
    return encoded(String(characters[..<fitting]) + "…")
  }
}
