import Contract
import Descriptors
import SwiftProtobuf

/// A small contract that is valid, for tests to change: a shop that shows orders and takes them.
struct Shop {
  typealias Method = Google_Protobuf_MethodDescriptorProto
  typealias Message = Google_Protobuf_DescriptorProto
  typealias Field = Google_Protobuf_FieldDescriptorProto

  /// The files that the shop's own imports.
  var imported: [Google_Protobuf_FileDescriptorProto]
  var file = Google_Protobuf_FileDescriptorProto()
  /// The comments above the methods, in their order.
  var comments = ["Shows an order.", "Places an order."]

  init() throws {
    // The options as they are; nothing of the system's own services.
    imported = try RegistryReader.decode(descriptorSet: ContractFiles.encoded).file.filter { file in
      ["contract.", "google.", "grpc."].contains { file.package.hasPrefix($0) }
    }
    file.name = "shop/v1/shop.proto"
    file.package = "shop.v1"
    file.syntax = "proto3"
    file.dependency = imported.map(\.name)
    file.messageType = [
      Self.message("GetOrderRequest", Self.field("id", isRequired: true)),
      Self.message("PlaceOrderRequest", Self.field("text")),
      Self.message("Order", Self.field("id"), Self.field("text")),
    ]
    file.service = [
      .with {
        $0.name = "ShopService"
        $0.options.Contract_V1_service.name = "shop"
        $0.options.Contract_V1_service.title = "orders"
        $0.method = [
          Self.method("GetOrder") { $0.get = "/api/v1/orders/{id}" },
          Self.method("PlaceOrder") {
            $0.post = "/api/v1/orders"
            $0.body = "*"
          },
        ]
      }
    ]
  }

  static func field(
    _ name: String,
    _ type: Field.TypeEnum = .string,
    isRequired: Bool = false,
    _ options: (inout Contract_V1_Field) -> Void = { _ in }
  ) -> Field {
    .with {
      $0.name = name
      $0.type = type
      $0.label = .optional
      if isRequired { $0.options.Google_Api_fieldBehavior = [.required] }
      options(&$0.options.Contract_V1_field)
    }
  }

  static func message(_ name: String, _ fields: Field...) -> Message {
    .with {
      $0.name = name
      $0.field = fields
      for index in $0.field.indices { $0.field[index].number = Int32(index + 1) }
    }
  }

  static func method(_ name: String, _ route: (inout Google_Api_HttpRule) -> Void) -> Method {
    .with {
      $0.name = name
      $0.inputType = ".shop.v1.\(name)Request"
      $0.outputType = ".shop.v1.Order"
      route(&$0.options.Google_Api_http)
      $0.options.Contract_V1_endpoint.callers = [.signedIn]
      $0.options.Contract_V1_endpoint.smoke.json = "{}"
    }
  }

  /// The bytes that `protoc` would give to the generator.
  var encoded: [UInt8] {
    get throws {
      var file = file
      let places = comments.indices.filter { !comments[$0].isEmpty }
      file.sourceCodeInfo.location = places.map { index in
        .with {
          // The method's place in the first service. Source: `google/protobuf/descriptor.proto`, SourceCodeInfo.
          $0.path = [6, 0, 2, Int32(index)]
          $0.span = [Int32(index), 0, 1]
          $0.leadingComments = " \(comments[index])\n"
        }
      }
      // As protoc always does.
      for message in file.messageType.indices {
        for field in file.messageType[message].field.indices
        where !file.messageType[message].field[field].hasJsonName {
          file.messageType[message].field[field].jsonName =
            file.messageType[message].field[field].name
        }
      }
      let set = Google_Protobuf_FileDescriptorSet.with { $0.file = imported + [file] }
      return try set.serializedBytes()
    }
  }

  /// The contract as it is read.
  func registry() throws -> Registry { try Registry(descriptorSet: encoded) }

  /// Changes the endpoint of the first method, `GetOrder`.
  mutating func endpoint(_ change: (inout Contract_V1_Endpoint) -> Void) {
    change(&file.service[0].method[0].options.Contract_V1_endpoint)
  }

  /// Changes the route of the first method, `GetOrder`.
  mutating func route(_ change: (inout Google_Api_HttpRule) -> Void) {
    change(&file.service[0].method[0].options.Google_Api_http)
  }

  /// Changes a code of the contract.
  mutating func code(_ name: String, _ change: (inout Contract_V1_Answer) -> Void) {
    for file in imported.indices where imported[file].package == "contract.v1" {
      for type in imported[file].enumType.indices {
        for value in imported[file].enumType[type].value.indices
        where imported[file].enumType[type].value[value].name == name {
          change(&imported[file].enumType[type].value[value].options.Contract_V1_answer)
        }
      }
    }
  }
}
