import Descriptors
import JSON
import OpenAPI
import Testing

struct `The contract as data` {
  private let contract = Contract()

  @Test func `has every service with its methods`() {
    #expect(
      contract.services == [
        "user.v1.UserService", "auth.v1.AuthService", "task.v1.TaskService",
        "notification.v1.NotificationService", "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
      ]
    )
    let method = contract.methods["task.v1.TaskService/ListUserTasks"]
    #expect(method?.request == "task.v1.ListUserTasksRequest")
    #expect(method?.response == "task.v1.ListTasksResponse")
    #expect(method?.comment.hasPrefix("GET /api/v1/users/{user_id}/tasks: ") == true)
  }

  @Test func `has the types of fields, and what is said about them`() {
    let fields = contract.messages["task.v1.Task"]?.fields ?? []
    #expect(fields.map(\.name).prefix(4) == ["id", "title", "description", "status"])
    #expect(fields[2].isOptional)
    #expect(fields[1].comment == "1-255 characters")
    #expect(fields[3].kind == .enumeration("task.v1.Status"))
    #expect(fields[6].kind == .message("google.protobuf.Timestamp"))
    #expect(fields[9].kind == .int64)
    #expect(contract.messages["task.v1.ListTasksRequest"]?.fields[2].isRepeated == true)
    #expect(contract.enumerations["user.v1.Role"]?.last == "SERVICE")
  }

  @Test func `gives a file with all that it needs, each behind what it imports`() {
    let names = contract.files(neededBy: "auth/v1/auth.proto").map(\.name)
    #expect(Set(names).isSuperset(of: ["user/v1/user.proto", "google/protobuf/timestamp.proto"]))
    #expect(names.last == "auth/v1/auth.proto")
    #expect(Set(names).count == names.count)
    #expect(contract.files(neededBy: "no/such.proto").isEmpty)
  }
}

struct `The description of the API` {
  @Test func `refuses a line that describes no function`() {
    for line in ["", "{}", "[]", #"{"function": "x"}"#] {
      #expect(throws: (any Error).self) { try FunctionDescription(line: Array(line.utf8)) }
    }
  }

  @Test func `leaves out what has no path of its own`() throws {
    let line = #"""
      {"function": "verify-token", "methods": ["GET"], "path": "/internal/verify-token", "rpc": null,
       "access": "anyone", "request": {"type": "a", "fields": [], "alternatives": []},
       "response": {"type": "b", "fields": [], "alternatives": []}, "problems": [],
       "limits": {"message_bytes": 1}}
      """#
    let document = Document([try FunctionDescription(line: Array(line.utf8))], contract: Contract())
    guard case .object(let object) = document.json else {
      Issue.record("no object")
      return
    }
    #expect(object["paths"] == [:])
  }
}
