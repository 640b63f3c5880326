import Descriptors
import Generation

@testable import Contract

/// A function that is described as far as the gateway's tables ask.
func function(
  _ name: String,
  _ methods: [String] = [],
  _ path: String = "",
  service: String = "shop",
  rpc: String? = nil,
  callers: [String] = ["SIGNED_IN"],
  limit: RateLimit? = nil,
  fields: [FieldDescription] = []
) -> FunctionDescription {
  var request = MessageDescription(type: "shop.v1.Request")
  request.fields = fields
  return FunctionDescription(
    function: name,
    service: service,
    title: "orders",
    summary: "Does something.",
    methods: methods,
    path: path,
    rpc: rpc,
    streams: false,
    isInternal: path.hasPrefix("/internal/"),
    callers: callers,
    services: [],
    who: "signed in",
    readsBody: false,
    problems: [],
    limit: limit,
    smoke: SmokeRequest(json: "{}"),
    request: request.type,
    response: request.type,
    messages: [request]
  )
}

/// A field of text.
func field(_ name: String, _ change: (inout FieldDescription) -> Void = { _ in })
  -> FieldDescription
{
  var field = FieldDescription(
    name: name,
    comment: "",
    kind: .string,
    typeName: "",
    values: [],
    isRepeated: false,
    hasPresence: false,
    isRequired: false,
    isNeverNull: false,
    maxItems: 0,
    isRare: false,
    replacement: .reset
  )
  change(&field)
  return field
}

/// The codes of the contract, and functions of the test's own.
func registry(_ functions: FunctionDescription...) throws -> Registry {
  var registry = try Registry(descriptorSet: ContractFiles.encoded)
  registry.functions = functions
  return registry
}

extension [GeneratedFile] {
  /// The lines of a table, without its first, which says where it comes from.
  func lines(_ name: String) -> [String] {
    let text = first { $0.path == "nginx/generated/\(name).conf" }?.bytes ?? []
    return String(decoding: text, as: UTF8.self).split(separator: "\n").dropFirst()
      .map(String.init)
  }
}
