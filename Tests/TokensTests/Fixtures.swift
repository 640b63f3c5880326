import Tokens
import Values

/// One entry of a key file.
struct KeyEntry {
  var id = "k1"
  /// The key of the examples in RFC 7515 A.1 and RFC 7517 A.3: 64 bytes.
  var secret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
  var operations = #"["sign","verify"]"#

  var json: String {
    #"{"kty":"oct","kid":"\#(id)","alg":"HS256","k":"\#(secret)","key_ops":\#(operations)}"#
  }

  /// Another key, of 32 bytes.
  static let otherSecret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
  static let signing = KeyEntry()
  static let verifying = KeyEntry(id: "k0", secret: otherSecret, operations: #"["verify"]"#)
}

func keyFile(_ entries: KeyEntry...) -> String {
  #"{"keys":[\#(entries.map(\.json).joined(separator: ","))]}"#
}

func keyRing(_ entries: KeyEntry...) throws -> KeyRing {
  try KeyRing(parsing: Array(#"{"keys":[\#(entries.map(\.json).joined(separator: ","))]}"#.utf8))
}

/// The time of most tests: 2023-11-14T22:13:20Z.
let now = Instant(seconds: 1_700_000_000)

func bytes(hexadecimal text: String) -> [UInt8] {
  let digits = text.utf8.map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// Texts that differ from `text` in one character, at every position.
func tampered(_ text: String) -> [String] {
  let bytes = Array(text.utf8)
  return bytes.indices.flatMap { index in
    Array("Aa_9.=\"\u{0}".utf8).filter { $0 != bytes[index] }.map { replacement in
      var changed = bytes
      changed[index] = replacement
      return String(decoding: changed, as: UTF8.self)
    }
  }
}
