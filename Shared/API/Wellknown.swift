// The messages are made of this library: who imports them can use it.
@_exported public import SwiftProtobuf
public import Values

/// What every request and response is.
public typealias Message = SwiftProtobuf.Message
/// The response of what has nothing to say.
public typealias Empty = Google_Protobuf_Empty
/// A point in time in a message: whole seconds since 1970 and nanoseconds.
public typealias Timestamp = Google_Protobuf_Timestamp
/// Names of the fields to change.
public typealias FieldMask = Google_Protobuf_FieldMask

/// gRPC's question whether a service can answer.
public typealias HealthCheckRequest = Grpc_Health_V1_HealthCheckRequest
/// gRPC's answer to it.
public typealias HealthCheckResponse = Grpc_Health_V1_HealthCheckResponse
/// gRPC's question about services and messages.
public typealias ReflectionRequest = Grpc_Reflection_V1_ServerReflectionRequest
/// gRPC's answer to it.
public typealias ReflectionResponse = Grpc_Reflection_V1_ServerReflectionResponse

extension Google_Protobuf_Empty {
  /// The one value that there is.
  public static let nothing = Google_Protobuf_Empty()
}

extension Google_Protobuf_FieldMask {
  /// The fields that the mask names.
  public var names: [String] {
    get { paths }
    set { paths = newValue }
  }
}

extension Google_Protobuf_Timestamp {
  /// A timestamp of an instant.
  public init(_ instant: Instant) {
    self.init()
    seconds = instant.seconds
    nanos = Int32(instant.microseconds - instant.seconds * 1_000_000) * 1000
  }

  /// The instant; what is smaller than a microsecond is dropped. Meaningful when `isValid`.
  public var instant: Instant {
    Instant(microseconds: seconds &* 1_000_000 &+ Int64(nanos / 1000))
  }

  /// Whether it is in the years 1 to 9999. Source: google/protobuf/timestamp.proto.
  public var isValid: Bool {
    (-62_135_596_800...253_402_300_799).contains(seconds) && hasValidNanos
  }

  /// Whether `nanos` is a part of a second.
  public var hasValidNanos: Bool { (0...999_999_999).contains(nanos) }
}
