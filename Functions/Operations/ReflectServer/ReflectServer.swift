import API
import Descriptors
import Endpoint
import HTTP2
import Runtime
import Serving

/// gRPC `grpc.reflection.v1.ServerReflection/ServerReflectionInfo`: describes the services and their messages
/// to clients that have no `.proto` files.
///
/// A call is a stream of questions. Each is answered by itself; one without an answer gets an error of its own.
@main
struct ReflectServer: Function {
  static let contract = FunctionContract.reflectServer

  let contract: ContractFiles

  func respond(to request: ReflectionRequest, in context: Context) throws -> ReflectionResponse {
    var response = ReflectionResponse()
    response.validHost = request.host
    response.originalRequest = request
    switch request.messageRequest {
    case .listServices:
      response.listServicesResponse.service = contract.services(at: context.service).map { name in
        .with { $0.name = name }
      }
    case .fileByFilename(let name):
      response.messageResponse = answer(with: contract.file(named: name))
    case .fileContainingSymbol(let symbol):
      response.messageResponse = answer(with: contract.file(defining: symbol))
    case .allExtensionNumbersOfType(let type) where contract.hasMessage(type):
      response.allExtensionNumbersResponse.baseTypeName = type
    case .allExtensionNumbersOfType, .fileContainingExtension:
      response.messageResponse = answer(with: nil)
    case nil:
      response.errorResponse.errorCode = 3
      response.errorResponse.errorMessage = "the request must ask for something"
    }
    return response
  }

  private func answer(with file: ContractFiles.File?) -> ReflectionResponse.OneOf_MessageResponse {
    guard let file else {
      return .errorResponse(
        .with { ($0.errorCode, $0.errorMessage) = (5, "there is no such file or symbol") }
      )
    }
    return .fileDescriptorResponse(
      .init(files: contract.files(neededBy: file.name).map(\.descriptor))
    )
  }

  static func main() {
    Serving.run(needsDatabase: false, streams: StreamWorker().serve) { _ in
      ReflectServer(contract: ContractFiles())
    }
  }
}
