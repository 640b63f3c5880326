extension String {
  /// The text without the blanks around it; empty if it shows nothing.
  var shown: String {
    let bytes = utf8
    guard let first = bytes.first, let last = bytes.last else { return self }
    // Nearly all text begins and ends like this.
    if (0x21...0x7E).contains(first), (0x21...0x7E).contains(last) { return self }
    let scalars = unicodeScalars
    guard scalars.contains(where: \.isShown),
      let start = scalars.firstIndex(where: { !$0.isBlank }),
      let end = scalars.lastIndex(where: { !$0.isBlank })
    else { return "" }
    return String(scalars[start...end])
  }
}

extension Unicode.Scalar {
  /// Whether it looks like a space, or like nothing at all, and means nothing at the edge of a text. Other characters
  /// that show nothing by themselves stay, because they may belong to their neighbour: a variation selector, the tags
  /// of a flag.
  fileprivate var isBlank: Bool {
    switch value {
    case 0x21...0x7E: false
    // Zero-width space, word joiner, byte order mark; the blanks of Braille and Hangul.
    case 0x200B, 0x2060, 0xFEFF, 0x2800, 0x3164, 0xFFA0: true
    default: properties.isWhitespace
    }
  }

  /// Whether a reader sees it when it stands alone. Source: UAX #44, `White_Space`, `Default_Ignorable_Code_Point` and
  /// `General_Category`.
  fileprivate var isShown: Bool {
    switch value {
    case 0x21...0x7E: return true
    // The blank of Braille, and the format characters that are not ignorable though nobody sees them: of interlinear
    // annotations and hieroglyphs. The others of their category are seen: the Arabic number sign, for one.
    case 0x2800, 0xFFF9...0xFFFB, 0x13430...0x1343F: return false
    default: break
    }
    if properties.isWhitespace || properties.isDefaultIgnorableCodePoint { return false }
    switch properties.generalCategory {
    // A mark that marks nothing.
    case .control, .nonspacingMark, .spacingMark, .enclosingMark: return false
    default: return true
    }
  }
}
