// For the normal form of text: the standard library has it, but offers it to Foundation alone.
@_spi(_Unicode) import Swift

/// Internationalised domain names (IDNA2008), written by people in upper or lower case, in any normal form or width.
/// The rule for text from right to left (RFC 5893) is left to the registries.
enum DomainName {
  private static let maximumLabel = 63

  /// The ASCII form of a domain in Unicode: lower case, and `xn--…` for each label that needs it; `nil` when a label
  /// cannot be one. Labels that are ASCII already are not checked.
  /// Source: RFC 5891 §4, RFC 5895 §2 (mapping).
  static func ascii(_ name: String) -> String? {
    var mapped = String.UnicodeScalarView()
    for scalar in name.unicodeScalars {
      switch scalar.value {
      case 0x3002, 0xFF0E, 0xFF61: mapped.append(".")
      case 0xFF01...0xFF5E:
        // ASCII in the width of Chinese characters.
        guard let narrow = Unicode.Scalar(scalar.value - 0xFEE0) else { return nil }
        mapped.append(contentsOf: narrow.properties.lowercaseMapping.unicodeScalars)
      default: mapped.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    var composed = String.UnicodeScalarView()
    for scalar in String(mapped)._nfc { composed.append(scalar) }
    var labels: [String] = []
    for label in composed.split(separator: ".", omittingEmptySubsequences: false) {
      guard let label = asciiLabel(Array(label)) else { return nil }
      labels.append(label)
    }
    return labels.joined(separator: ".")
  }

  private static func asciiLabel(_ label: [Unicode.Scalar]) -> String? {
    if label.allSatisfy(\.isASCII) {
      return String(decoding: label.map { UInt8(truncatingIfNeeded: $0.value) }, as: UTF8.self)
    }
    let hyphen: Unicode.Scalar = "-"
    guard label.count <= maximumLabel, let first = label.first, first != hyphen,
      label.last != hyphen, !(label.count >= 4 && label[2] == hyphen && label[3] == hyphen),
      !isMark(first), label.indices.allSatisfy({ isValid(label, $0) })
    else { return nil }
    return "xn--" + Punycode.encode(label)
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }

  /// Whether the code point at a place of a label may stand there. Source: RFC 5892 §2, §3 and Appendix A.
  private static func isValid(_ label: [Unicode.Scalar], _ place: Int) -> Bool {
    let scalar = label[place]
    let before = place > 0 ? label[place - 1] : nil
    let after = place + 1 < label.count ? label[place + 1] : nil
    switch scalar.value {
    case 0x2D, 0x30...0x39, 0x61...0x7A: return true
    case 0...0x7F: return false
    // Exceptions: sharp s, final sigma and others that are valid; letters of decoration that are not.
    case 0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007: return true
    case 0x640, 0x7FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: return false
    // Old Hangul, marks for symbols, musical notation.
    case 0x1100...0x11FF, 0xA960...0xA97F, 0xD7B0...0xD7FF, 0x20D0...0x20FF, 0x1D100...0x1D24F:
      return false
    // Only in context: a joiner after a virama; the dot between two l of Catalan; signs of Greek, Hebrew, Japanese; and
    // digits of one kind of Arabic.
    case 0x200C, 0x200D: return before?.properties.canonicalCombiningClass == .virama
    case 0xB7: return before == "l" && after == "l"
    case 0x375: return after.map(isGreek) ?? false
    case 0x5F3, 0x5F4: return before.map { (0x590...0x5FF).contains($0.value) } ?? false
    case 0x30FB: return label.contains(where: isJapanese)
    case 0x660...0x669: return !label.contains { (0x6F0...0x6F9).contains($0.value) }
    case 0x6F0...0x6F9: return !label.contains { (0x660...0x669).contains($0.value) }
    default: break
    }
    switch scalar.properties.generalCategory {
    case .lowercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark,
      .decimalNumber:
      return !scalar.properties.changesWhenNFKCCaseFolded
        && !scalar.properties.isDefaultIgnorableCodePoint
    default: return false
    }
  }

  private static func isGreek(_ scalar: Unicode.Scalar) -> Bool {
    (0x370...0x3FF).contains(scalar.value) || (0x1F00...0x1FFF).contains(scalar.value)
  }

  /// Hiragana, Katakana and Han.
  private static func isJapanese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x3005, 0x3007, 0x3041...0x3096, 0x309D...0x309F, 0x30A1...0x30FA, 0x30FD...0x30FF,
      0x31F0...0x31FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF:
      true
    default: false
    }
  }
}
