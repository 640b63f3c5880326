private import CFastCGI
import Glibc

/// A request as the gateway sent it, valid inside the closure that receives it.
public struct GatewayRequest {
  let variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  /// The whole body. Its length is that in `CONTENT_LENGTH`.
  public let body: [UInt8]
  /// Whether the body was larger than allowed, and therefore not read.
  public let isTooLarge: Bool

  /// The value of a CGI variable such as `REQUEST_METHOD`; `nil` when it was not sent. Bytes that are not
  /// UTF-8 become U+FFFD.
  ///
  /// The corresponding C function is `FCGX_GetParam`.
  public func variable(_ name: StaticString) -> String? {
    guard let value = pointer(name) else { return nil }
    return String(
      decoding: UnsafeRawBufferPointer(start: value, count: strlen(value)),
      as: UTF8.self
    )
  }

  /// The number of times that a variable was sent: a header that a client repeats comes several times.
  public func count(_ name: StaticString) -> Int {
    var count = 0
    forEach(name) { _ in
      count += 1
      return true
    }
    return count
  }

  private func pointer(_ name: StaticString) -> UnsafeMutablePointer<CChar>? {
    var found: UnsafeMutablePointer<CChar>?
    forEach(name) {
      found = $0
      return false
    }
    return found
  }

  private func forEach(_ name: StaticString, _ body: (UnsafeMutablePointer<CChar>) -> Bool) {
    guard var entry = variables else { return }
    let length = name.utf8CodeUnitCount
    while let variable = entry.pointee {
      if begins(variable, name, length), variable[length] == CChar(UInt8(ascii: "=")),
        !body(variable + length + 1)
      {
        return
      }
      entry += 1
    }
  }

  private func begins(_ variable: UnsafePointer<CChar>, _ name: StaticString, _ length: Int) -> Bool
  {
    strncmp(variable, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), length)
      == 0
  }
}

/// The answer: CGI header lines, an empty line, the body.
public struct GatewayReply {
  /// All bytes as they are sent.
  public let bytes: [UInt8]

  /// An answer.
  public init(bytes: [UInt8]) { self.bytes = bytes }
}
