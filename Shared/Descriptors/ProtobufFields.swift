/// The fields of an encoded protobuf message, as they come. Source: protobuf.dev "Encoding".
///
/// Only for what was encoded by protoc and is part of the executable: what cannot be read ends the sequence.
struct ProtobufFields: Sequence, IteratorProtocol {
  enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  mutating func next() -> (field: Int, value: Value)? {
    guard let key = varint() else { return nil }
    switch key & 7 {
    case 0: return varint().map { (Int(key >> 3), .number($0)) }
    case 2:
      guard let length = varint(), length <= rest.count else { return nil }
      defer { rest = rest.dropFirst(Int(length)) }
      return (Int(key >> 3), .bytes(rest.prefix(Int(length))))
    default: return nil
    }
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    return nil
  }
}

/// An encoded message whose fields are looked up by number.
struct ProtobufMessage {
  private let fields: [(field: Int, value: ProtobufFields.Value)]

  init(_ bytes: ArraySlice<UInt8>) { fields = Array(ProtobufFields(bytes)) }

  func messages(_ number: Int) -> [ProtobufMessage] { bytes(number).map(ProtobufMessage.init) }

  func message(_ number: Int) -> ProtobufMessage { messages(number).last ?? ProtobufMessage([]) }

  func texts(_ number: Int) -> [String] {
    bytes(number).map { String(decoding: $0, as: UTF8.self) }
  }

  func text(_ number: Int) -> String { texts(number).last ?? "" }

  func number(_ number: Int) -> Int {
    for (field, value) in fields.reversed() where field == number {
      if case .number(let found) = value { return Int(truncatingIfNeeded: found) }
    }
    return 0
  }

  /// A packed list.
  func numbers(_ number: Int) -> [Int] {
    bytes(number).flatMap { packed in
      var numbers: [Int] = []
      var value = 0
      var shift = 0
      for byte in packed {
        value |= Int(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 {
          numbers.append(value)
          (value, shift) = (0, 0)
        }
      }
      return numbers
    }
  }

  func bytes(_ number: Int) -> [ArraySlice<UInt8>] {
    fields.compactMap { field, value in
      if field == number, case .bytes(let bytes) = value { bytes } else { nil }
    }
  }
}
