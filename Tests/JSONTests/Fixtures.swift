@testable import JSON

/// An object with these members in this order.
func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
  var object = JSONObject()
  for (name, value) in members { precondition(object.append(name, value)) }
  return .object(object)
}

/// The text of a value as the writer produces it.
func written(_ value: JSONValue) -> String {
  var json = JSONWriter()
  json.value(value)
  return String(decoding: json.bytes, as: UTF8.self)
}

func parsed(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

/// Random numbers that are the same in every run.
///
/// Source: SplitMix64 (Steele, Lea, Flood 2014).
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
