import Contract
import Descriptors
import Testing

struct `The files of the contract` {
  private let files = ContractFiles()

  @Test func `has every service of clients, and none of the gateway's own`() {
    #expect(
      files.services == [
        "user.v1.UserService", "auth.v1.AuthService", "task.v1.TaskService",
        "notification.v1.NotificationService", "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
      ]
    )
    #expect(files.services(at: "task").contains("task.v1.TaskService"))
    #expect(!files.services(at: "task").contains("user.v1.UserService"))
  }

  @Test func `finds the file of a symbol: messages, fields, enumerations, values, methods`() {
    for (symbol, file) in [
      "task.v1.Task": "task/v1/task.proto", "task.v1.Task.title": "task/v1/task.proto",
      "task.v1.Status": "task/v1/task.proto", "task.v1.PENDING": "task/v1/task.proto",
      "task.v1.TaskService.CreateTask": "task/v1/task.proto",
      "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    ] {
      #expect(files.file(defining: symbol)?.name == file)
    }
    #expect(files.file(defining: "task.v1.Nothing") == nil)
    #expect(files.hasMessage("task.v1.Task"))
    #expect(!files.hasMessage("task.v1.Status"))
  }

  @Test func `returns a file with all that it needs, each after its imports`() {
    let names = files.files(neededBy: "auth/v1/auth.proto").map(\.name)
    #expect(
      Set(names).isSuperset(of: [
        "user/v1/user.proto", "google/protobuf/timestamp.proto", "contract/v1/options.proto",
      ])
    )
    #expect(names.last == "auth/v1/auth.proto")
    #expect(Set(names).count == names.count)
    #expect(files.files(neededBy: "no/such.proto").isEmpty)
  }
}
