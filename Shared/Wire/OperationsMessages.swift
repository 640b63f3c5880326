public import API
import Endpoint
public import JSON

extension HealthCheckRequest: RequestMessage {
  /// Reads the fields of the message.
  public init(_ fields: inout Fields) {
    self.init()
    service = fields.string("service") ?? ""
  }
}

extension HealthCheckResponse: ResponseMessage {
  /// Writes the state.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("status", status == .serving ? "SERVING" : "NOT_SERVING")
    json.endObject()
  }
}

extension ReflectionRequest: RequestMessage {
  /// Reads the fields of the message that ask for something.
  public init(_ fields: inout Fields) {
    self.init()
    if let name = fields.string("file_by_filename") { fileByFilename = name }
    if let symbol = fields.string("file_containing_symbol") { fileContainingSymbol = symbol }
    if let content = fields.string("list_services") { listServices = content }
  }
}

extension ReflectionResponse: ResponseMessage {
  /// Writes the names of the services, or the file and its imports in base64, for a person at a terminal.
  public func write(to json: inout JSONWriter) {
    json.beginObject()
    switch messageResponse {
    case .listServicesResponse(let list):
      json.name("services")
      json.beginArray()
      for service in list.service { json.value(service.name) }
      json.endArray()
    case .fileDescriptorResponse(let response):
      json.name("file_descriptor_proto")
      json.beginArray()
      for file in response.base64Files { json.value(file) }
      json.endArray()
    case .errorResponse(let error):
      json.member("error_code", error.errorCode)
      json.member("error_message", error.errorMessage)
    case .allExtensionNumbersResponse, nil: break
    }
    json.endObject()
  }
}
