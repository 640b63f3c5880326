private import CCurl
private import Glibc

/// Opens the sockets of libcurl, but none to a private address.
///
/// Names are no protection, because their owners can point them anywhere. Here, the address to which libcurl really
/// connects is known.
final class PushSocketGuard {
  private let allowsPrivate: Bool
  private var refused: [String] = []
  private var hasAllowed = false

  init(allowsPrivate: Bool) { self.allowsPrivate = allowsPrivate }

  /// The addresses that were refused, when there were no others.
  var refusedAddresses: String? {
    hasAllowed || refused.isEmpty ? nil : refused.joined(separator: ", ")
  }

  /// A new socket for an address, -1 for none. The corresponding C function is `socket`.
  func open(
    socketAddress: UnsafeRawPointer,
    family: Int32,
    type: Int32,
    protocol number: Int32
  ) -> Int32 {
    let address = PushAddress(socketAddress: socketAddress)
    guard allowsPrivate || address?.isPublic ?? false else {
      refused.append(address?.description ?? "an address of family \(family)")
      return -1
    }
    hasAllowed = true
    return socket(family, type | Int32(SOCK_CLOEXEC.rawValue), number)
  }

  /// Makes a `CURL` open its sockets here until its next reset. The caller keeps the guard alive meanwhile.
  ///
  /// The corresponding C option is `CURLOPT_OPENSOCKETFUNCTION`.
  func watch(_ curl: UnsafeMutableRawPointer) {
    let receiver = Unmanaged.passUnretained(self).toOpaque()
    let opener: curl_opensocket_callback = { receiver, _, address in
      guard let receiver, let address else { return -1 }
      return Unmanaged<PushSocketGuard>.fromOpaque(receiver).takeUnretainedValue().open(
        socketAddress: tm_curl_address(address),
        family: address.pointee.family,
        type: address.pointee.socktype,
        protocol: address.pointee.protocol
      )
    }
    tm_curl_set_socket_opener(curl, opener, receiver)
  }
}
