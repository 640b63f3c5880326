import API
import FoundationEssentials
import SwiftProtobuf

/// Encodes messages in one pass. swift-protobuf's own `serializedBytes()` goes through a message and its
/// nested messages once for the length, and again for each level to write it. Here, each length is inserted
/// after its message has been written.
///
/// Source: Protocol Buffers, "Encoding".
struct MessageEncoder {
  private(set) var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(1024) }

  /// Adds a message after a gRPC prefix: a flag for no compression, and the length. Source: gRPC over HTTP/2,
  /// "Requests".
  mutating func addFrame(_ message: some API.Message) throws {
    bytes.append(contentsOf: [0, 0, 0, 0, 0])
    let start = bytes.count
    try message.traverse(visitor: &self)
    let length = UInt32(bytes.count - start)
    for place in 1...4 {
      bytes[start - place] = UInt8(truncatingIfNeeded: length >> (8 * (place - 1)))
    }
  }

  private enum WireType: Int {
    case varint = 0
    case fixed64 = 1
    case delimited = 2
    case fixed32 = 5
  }

  private mutating func put(tag fieldNumber: Int, _ type: WireType) {
    put(varint: UInt64(fieldNumber << 3 | type.rawValue))
  }

  private mutating func put(varint value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  private mutating func put<Value: FixedWidthInteger>(fixed value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Writes the output of `body`, after its length.
  private mutating func delimited(
    _ fieldNumber: Int,
    _ body: (inout MessageEncoder) throws -> Void
  ) rethrows {
    put(tag: fieldNumber, .delimited)
    let place = bytes.count
    bytes.append(0)
    try body(&self)
    var rest = bytes.count - place - 1
    // Nearly all messages are so short that one byte is enough.
    var position = place
    while rest > 0x7F {
      bytes[position] = UInt8(truncatingIfNeeded: rest) | 0x80
      rest >>= 7
      position += 1
      bytes.insert(0, at: position)
    }
    bytes[position] = UInt8(truncatingIfNeeded: rest)
  }
}

extension MessageEncoder: Visitor {
  mutating func visitSingularInt64Field(value: Int64, fieldNumber: Int) {
    put(tag: fieldNumber, .varint)
    put(varint: UInt64(bitPattern: value))
  }

  mutating func visitSingularUInt64Field(value: UInt64, fieldNumber: Int) {
    put(tag: fieldNumber, .varint)
    put(varint: value)
  }

  mutating func visitSingularSInt64Field(value: Int64, fieldNumber: Int) {
    put(tag: fieldNumber, .varint)
    put(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
  }

  mutating func visitSingularSInt32Field(value: Int32, fieldNumber: Int) {
    visitSingularSInt64Field(value: Int64(value), fieldNumber: fieldNumber)
  }

  mutating func visitSingularBoolField(value: Bool, fieldNumber: Int) {
    put(tag: fieldNumber, .varint)
    bytes.append(value ? 1 : 0)
  }

  mutating func visitSingularEnumField<E: SwiftProtobuf.Enum>(value: E, fieldNumber: Int) {
    put(tag: fieldNumber, .varint)
    put(varint: UInt64(bitPattern: Int64(value.rawValue)))
  }

  mutating func visitSingularFixed64Field(value: UInt64, fieldNumber: Int) {
    put(tag: fieldNumber, .fixed64)
    put(fixed: value)
  }

  mutating func visitSingularSFixed64Field(value: Int64, fieldNumber: Int) {
    put(tag: fieldNumber, .fixed64)
    put(fixed: value)
  }

  mutating func visitSingularDoubleField(value: Double, fieldNumber: Int) {
    visitSingularFixed64Field(value: value.bitPattern, fieldNumber: fieldNumber)
  }

  mutating func visitSingularFixed32Field(value: UInt32, fieldNumber: Int) {
    put(tag: fieldNumber, .fixed32)
    put(fixed: value)
  }

  mutating func visitSingularSFixed32Field(value: Int32, fieldNumber: Int) {
    put(tag: fieldNumber, .fixed32)
    put(fixed: value)
  }

  mutating func visitSingularFloatField(value: Float, fieldNumber: Int) {
    visitSingularFixed32Field(value: value.bitPattern, fieldNumber: fieldNumber)
  }

  mutating func visitSingularStringField(value: String, fieldNumber: Int) {
    put(tag: fieldNumber, .delimited)
    var value = value
    value.withUTF8 { text in
      put(varint: UInt64(text.count))
      bytes.append(contentsOf: text)
    }
  }

  mutating func visitSingularBytesField(value: Data, fieldNumber: Int) {
    put(tag: fieldNumber, .delimited)
    put(varint: UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func visitSingularMessageField<M: SwiftProtobuf.Message>(
    value: M,
    fieldNumber: Int
  ) throws {
    try delimited(fieldNumber) { try value.traverse(visitor: &$0) }
  }

  /// Writes packed numbers, without a tag for each, as in proto3. Numbers of other types are written one by one, which
  /// is just as valid.
  mutating func visitPackedInt32Field(value: [Int32], fieldNumber: Int) {
    delimited(fieldNumber) { encoder in
      for number in value { encoder.put(varint: UInt64(bitPattern: Int64(number))) }
    }
  }

  mutating func visitMapField<KeyType, ValueType: MapValueType>(
    fieldType: _ProtobufMap<KeyType, ValueType>.Type,
    value: _ProtobufMap<KeyType, ValueType>.BaseType,
    fieldNumber: Int
  ) throws {
    for (key, value) in value {
      try delimited(fieldNumber) {
        try KeyType.visitSingular(value: key, fieldNumber: 1, with: &$0)
        try ValueType.visitSingular(value: value, fieldNumber: 2, with: &$0)
      }
    }
  }

  mutating func visitMapField<KeyType, ValueType>(
    fieldType: _ProtobufEnumMap<KeyType, ValueType>.Type,
    value: _ProtobufEnumMap<KeyType, ValueType>.BaseType,
    fieldNumber: Int
  ) throws where ValueType.RawValue == Int {
    for (key, value) in value {
      try delimited(fieldNumber) {
        try KeyType.visitSingular(value: key, fieldNumber: 1, with: &$0)
        $0.visitSingularEnumField(value: value, fieldNumber: 2)
      }
    }
  }

  mutating func visitMapField<KeyType, ValueType>(
    fieldType: _ProtobufMessageMap<KeyType, ValueType>.Type,
    value: _ProtobufMessageMap<KeyType, ValueType>.BaseType,
    fieldNumber: Int
  ) throws {
    for (key, value) in value {
      try delimited(fieldNumber) {
        try KeyType.visitSingular(value: key, fieldNumber: 1, with: &$0)
        try $0.visitSingularMessageField(value: value, fieldNumber: 2)
      }
    }
  }

  mutating func visitUnknown(bytes unknown: Data) { bytes.append(contentsOf: unknown) }
}
