import API
import Endpoint
import Testing

struct ReflectServerTests {
  let fixture: Fixture

  init() throws { fixture = try Fixture() }

  @Test func `every question of a stream has its answer, in order`() throws {
    let answer = try fixture.reflectServer.rpc([
      .with { $0.listServices = "" }, .with { $0.fileContainingSymbol = "task.v1.Task" },
      .with { $0.fileByFilename = "no/such.proto" }, .with { $0.host = "here" },
    ])
    #expect(answer.status == .ok)
    #expect(answer.messages.count == 4)
    #expect(
      answer.messages[0].listServicesResponse.service.map(\.name).contains("task.v1.TaskService")
    )
    // The file and its imports: four files of google.protobuf, three of google.api, one of google.rpc, two of ours.
    #expect(answer.messages[1].fileDescriptorResponse.fileDescriptorProto.count == 11)
    #expect(answer.messages[2].errorResponse.errorCode == 5)
    #expect(answer.messages[3].errorResponse.errorCode == 3)
    #expect(answer.messages[3].validHost == "here")
    #expect(answer.messages[3].originalRequest.host == "here")
  }

  @Test func `no question has no answer`() throws {
    let answer = try fixture.reflectServer.rpc([])
    #expect(answer.status == .ok)
    #expect(answer.messages.isEmpty)
  }

  @Test(arguments: [
    "task.v1.TaskService", "task.v1.TaskService.GetTask", "task.v1.Task.due_date",
    "task.v1.PENDING",
    "google.protobuf.Timestamp", "grpc.health.v1.HealthCheckResponse.ServingStatus",
  ])
  func `whatever the contract defines is found by its full name`(symbol: String) throws {
    let answer = try fixture.reflectServer.rpc([.with { $0.fileContainingSymbol = symbol }])
    #expect(answer.messages[0].fileDescriptorResponse.fileDescriptorProto.isEmpty == false)
  }

  @Test func `a port tells of its own service and of those that every port has`() throws {
    let answer = try fixture.reflectServer.rpc(
      [.with { $0.listServices = "" }],
      headers: ["SERVICE": "task"]
    )
    #expect(
      answer.messages[0].listServicesResponse.service.map(\.name) == [
        "task.v1.TaskService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
      ]
    )
  }

  @Test func `a stream without an end is refused`() throws {
    let questions = [ReflectionRequest](repeating: .with { $0.listServices = "" }, count: 101)
    #expect(try fixture.reflectServer.rpc(questions).code == .payloadTooLarge)
  }
}
