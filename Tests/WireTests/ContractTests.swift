import API
import Contract
import Endpoint
import JSON
import Testing
import Wire

/// The generated writers and readers of messages, compared with the contract and swift-protobuf.
struct `The contract` {
  private static let responses = Messages.responses
  private static let requests = Messages.requests

  private let contract: ContractWitness

  init() throws { contract = try ContractWitness() }

  @Test func `has no message of a call that the tests below leave out`() {
    #expect(Set(Self.requests.map { $0.protoMessageName }) == contract.requests)
    #expect(Set(Self.responses.map { $0.protoMessageName }) == contract.responses)
    #expect(Self.requests.count >= 31)
    #expect(Self.responses.count >= 16)
    #expect(contract.fields(of: "task.v1.Task").count == 11)
  }

  @Test(arguments: responses.indices)
  func `is kept by every response: all its fields are written, as swift-protobuf understands them`(
    index: Int
  ) throws {
    let type = Self.responses[index]
    switch type.protoMessageName {
    case Empty.protoMessageName: #expect(written(Empty()) == "{}")
    case ValidateTokenResponse.protoMessageName:
      try checkWriting(type, omitting: ["reason"])
      let others = contract.fields(of: type.protoMessageName).subtracting(["reason"])
      try checkWriting(type, omitting: others, alsoWritten: ["valid"])
    default: try checkWriting(type, omitting: [])
    }
  }

  private func checkWriting<M: ResponseMessage>(
    _ type: M.Type,
    omitting: Set<String>,
    alsoWritten: Set<String> = []
  ) throws {
    let name = type.protoMessageName
    let full = try M(jsonString: contract.json(of: name, omitting: omitting))
    let text = written(full)
    #expect(
      try Set(members(text).keys)
        == contract.fields(of: name).subtracting(omitting).union(alsoWritten)
    )
    #expect(try M(jsonString: asProtobuf(text)).isEqualTo(message: full))
    let bytes: [UInt8] = try full.serializedBytes()
    #expect(try Array(RPCReply([full]).body.dropFirst(5)) == bytes)
    // The values that swift-protobuf writes, except for 64-bit integers, which are strings there.
    var options = JSONEncodingOptions()
    options.preserveProtoFieldNames = true
    options.alwaysPrintInt64sAsNumbers = true
    options.useDeterministicOrdering = true
    let judge = try members(asREST(full.jsonString(options: options)))
    #expect(try members(text).filter { !alsoWritten.contains($0.key) } == judge)
  }

  @Test(
    arguments: [
      TaskMessage.self, UserMessage.self, ListTasksResponse.self, ListUsersResponse.self,
      NotificationMessage.self, ListNotificationsResponse.self, TokenResponse.self,
      ProbeResponse.self, PushKeyMessage.self, PushSubscriptionMessage.self,
      ListPushSubscriptionsResponse.self, SentNotifications.self,
    ] as [any ResponseMessage.Type]
  )
  func `is kept when nothing is set: every field is there all the same`(
    type: any ResponseMessage.Type
  ) throws {
    #expect(
      try Set(members(written(type.init())).keys) == contract.fields(of: type.protoMessageName)
    )
  }

  @Test func `has null for what is not set and brackets for what is empty`() throws {
    let task = try members(written(TaskMessage()))
    #expect(task["description"] == .null)
    #expect(task["due_date"] == .null)
    #expect(task["reminders"] == .null)
    let never = TaskMessage { $0.reminders = TaskReminders() }
    #expect(try members(written(never))["reminders"] == .array([]))
    #expect(try members(written(UserMessage()))["full_name"] == .null)
    #expect(try members(written(ListTasksResponse()))["tasks"] == .array([]))
    #expect(
      try members(written(ListUsersResponse())) == [
        "users": .array([]), "next_page_token": .string(""),
      ]
    )
    let valid = try members(written(ValidateTokenResponse { $0.valid = true }))
    #expect(valid["username"] == .null)
    #expect(valid["reason"] == nil)
  }

  @Test func `tells an empty text from none`() throws {
    #expect(
      try members(written(TaskMessage { $0.description_p = "" }))["description"] == .string("")
    )
    #expect(try members(written(UserMessage { $0.fullName = "" }))["full_name"] == .string(""))
  }

  @Test(arguments: requests.indices)
  func `is kept by every request: all its fields are read, as swift-protobuf reads them`(index: Int)
    throws
  {
    guard Self.requests[index] != SessionQuestion.self else { return }
    try checkReading(Self.requests[index])
  }

  private func checkReading<M: RequestMessage>(_ type: M.Type) throws {
    let outside: Set = ["update_mask"]
    let json = try contract.json(of: type.protoMessageName, omitting: outside)
    let decoded = try RESTDecoder.decode(json: Array(asREST(json).utf8), as: type)
    #expect(decoded.violations.reasons == [:])
    var options = JSONEncodingOptions()
    options.preserveProtoFieldNames = true
    let read = try members(decoded.message.jsonString(options: options)).filter {
      !outside.contains($0.key)
    }
    #expect(try read == members(M(jsonString: json).jsonString(options: options)))
    #expect(Set(read.keys) == contract.fields(of: type.protoMessageName).subtracting(outside))
  }

  @Test(arguments: requests.indices)
  func `is kept by every request: a field that it does not have is named`(index: Int) throws {
    try checkUnknown(Self.requests[index])
  }

  @Test(arguments: requests.indices)
  func `is kept by every request: what must be there by one door must be there by all`(index: Int)
    throws
  {
    try checkRequired(Self.requests[index])
  }

  private func checkRequired<M: RequestMessage>(_ type: M.Type) throws {
    let read = try RESTDecoder.decode(json: Array("{}".utf8), as: type).violations.reasons
    let call = request("POST", "/", bytes: [0, 0, 0, 0, 0], ["RPC": "x"])
    let called = try RPCDecoder.decode(call, route: Route(rpc: "x"), as: type)[0].violations.reasons
    #expect(read == called)
    let required = contract.required(type.protoMessageName)
    #expect(Set(read.keys) == (type == SessionQuestion.self ? [] : required))
    #expect(read.values.allSatisfy { $0 == "is required" })
  }

  private func checkUnknown<M: RequestMessage>(_ type: M.Type) throws {
    let json = try contract.json(
      of: type.protoMessageName,
      omitting: M.self == SessionQuestion.self ? ["token"] : ["update_mask"]
    )
    let more =
      json.dropLast() + (json == "{}" ? "" : ",") + "\"colour\":\"red\",\"Title\":1,\"\":null}"
    let decoded = try RESTDecoder.decode(json: Array(asREST(String(more)).utf8), as: type)
    #expect(decoded.violations.reasons.keys.sorted() == ["", "Title", "colour"])
    #expect(decoded.violations.reasons["colour"] == "is not a field of this request")
  }

  /// By REST, the reminders of a task are just the list, which a repeated field could not leave out.
  private func asREST(_ json: String) -> String {
    json.replacing(/"reminders":{"minutes":(\[[^\]]*\])}/) { "\"reminders\":\($0.1)" }
  }

  private func asProtobuf(_ json: String) -> String {
    json.replacing(/"reminders":(\[[^\]]*\])/) { "\"reminders\":{\"minutes\":\($0.1)}" }
  }

  private func written(_ message: some ResponseMessage) -> String {
    var json = JSONWriter()
    message.write(to: &json)
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
