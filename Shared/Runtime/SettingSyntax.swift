import Telemetry
import Validation

/// The form of a setting's text.
struct SettingSyntax<Value: Sendable>: Sendable {
  /// A fault of a text that deserves a message of its own.
  struct Malformed: Error {
    let message: String
  }

  let kind: SettingDeclaration.Kind
  /// A description of the valid values that can follow "must be".
  let accepted: String
  /// Reads the value of a text; `nil` when it is not valid.
  let parse: @Sendable (String) throws -> Value?
}

extension SettingSyntax<Int> {
  static func number(_ range: ClosedRange<Int>) -> Self {
    Self(kind: .number, accepted: "a number from \(range.lowerBound) to \(range.upperBound)") {
      // No sign, not even a plus: scripts also calculate with it.
      guard $0.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int($0) else {
        return nil
      }
      return range.contains(number) ? number : nil
    }
  }
}

extension SettingSyntax<Bool> {
  /// One of two words, of which the first stands for `true`.
  static func either(_ yes: String, or no: String) -> Self {
    Self(kind: .word, accepted: "\(yes) or \(no)") { $0 == yes ? true : $0 == no ? false : nil }
  }
}

extension SettingSyntax<Log.Level> {
  static var level: Self {
    Self(kind: .word, accepted: "debug, info, warning, error, or off") { text in
      Log.Level.allCases.first { $0.name == text }
    }
  }
}

extension SettingSyntax<Service> {
  /// A service that has jobs.
  static var service: Self {
    Self(kind: .word, accepted: "user, auth, task, or notification") { text in
      text == Service.health.rawValue ? nil : Service(rawValue: text)
    }
  }
}

extension SettingSyntax<LeadTimes> {
  static var leadTimes: Self {
    Self(kind: .text, accepted: "times such as 2d,24h,30m, or none") {
      do {
        return try LeadTimes($0 == "none" ? "" : $0)
      } catch let error as LeadTimes.Malformed {
        throw Malformed(message: error.message)
      }
    }
  }
}

extension SettingSyntax<String> {
  /// Any text; other conditions are checked where it is used.
  static func text(_ accepted: String) -> Self {
    Self(kind: .text, accepted: accepted) { $0 }
  }

  /// The same for a URL, which may contain a password.
  static func url(_ accepted: String) -> Self {
    Self(kind: .url, accepted: accepted) { $0 }
  }

  /// A URL with the scheme http or https; trailing slashes are dropped.
  static func httpURL(_ example: String) -> Self {
    Self(kind: .url, accepted: "a URL such as \(example)") {
      var url = $0
      while url.hasSuffix("/") { url.removeLast() }
      let isURL = ["https://", "http://"].contains {
        url.hasPrefix($0) && url.utf8.count > $0.utf8.count
      }
      guard isURL, url.utf8.count <= 500, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        return nil
      }
      return url
    }
  }

  /// The name or IPv4 address of a host.
  static var host: Self {
    Self(kind: .text, accepted: "an IPv4 address or the name of a host") {
      let isHost = $0.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."):
          true
        default: false
        }
      }
      return isHost ? $0 : nil
    }
  }

  /// The path of a file that exists.
  static var file: Self { Self(kind: .file, accepted: "the path of a file") { $0 } }

  /// The path of a file or a folder that need not exist.
  static var path: Self { Self(kind: .path, accepted: "a path") { $0 } }
}
