import Descriptors
import Generation
import Testing

@testable import Contract

struct `A function as one line` {
  private let registry: Registry

  init() throws { registry = try Registry(descriptorSet: ContractFiles.encoded) }

  @Test func `is the same function when it is read again, for all of the contract`() throws {
    #expect(registry.functions.count > 25)
    for function in registry.functions {
      let line = try FunctionLine.encode(function)
      #expect(!line.contains("\n"))
      #expect(try FunctionLine.decode(line) == function, "\(function.function)")
    }
  }

  @Test func `keeps everything that a field can say`() throws {
    let everything = field("text") {
      $0.comment = "say \"it\"\nin two lines, ünd ##\\(not code)"
      ($0.kind, $0.typeName, $0.values) = (.enumeration, "shop.v1.Kind", ["A", "B"])
      ($0.isRepeated, $0.hasPresence, $0.isRequired, $0.isNeverNull) = (true, true, true, true)
      ($0.characters, $0.bytes) = (.init(min: 1, max: 2), .init(min: 3, max: nil))
      ($0.range, $0.maxItems) = (.init(min: -1, max: 4), 5)
      ($0.pattern, $0.format) = (#"^[^\u0000"]*$"#, "uuid")
      ($0.defaultValue, $0.example) = ("A", "")
      ($0.isRare, $0.replacement) = (true, .keep)
      ($0.header, $0.onlyIf) = ("If-Match", "!done")
    }
    let line = try FunctionLine.encode(function("get-order", fields: [everything, field("plain")]))
    let fields = try FunctionLine.decode(line).messages[0].fields
    #expect(fields == [everything, field("plain")])
    #expect(!line.contains("\n"))
  }

  @Test func `has names as in the contract, and none for what a field leaves open`() throws {
    let line = try FunctionLine.encode(function("get-order", rpc: "a.B/C", fields: [field("id")]))
    #expect(line.contains(#""is_internal":false"#))
    #expect(line.contains(#"{"kind":"string","name":"id"}"#))
  }

  @Test(arguments: [
    "", "{}", "null", "get-order", "[1]", #"{"function": "get-order"}"#, "{\"function\"",
  ])
  func `is refused when it describes none`(line: String) throws {
    let error = #expect(throws: ContractError.self) { try FunctionLine.decode(line) }
    #expect(error?.description == "this describes no function: \(line)")
  }

  @Test func `is refused when something is missing from it, or is of another type`() throws {
    let line = try FunctionLine.encode(function("get-order", ["GET"], "/api/v1/orders"))
    for (old, new) in [
      (#""methods":["GET"],"#, ""), (#""is_internal":false"#, #""is_internal":0"#),
      (#""messages":["#, #""messages":[{},"#),
    ] {
      let changed = line.replacing(old, with: new)
      #expect(changed != line)
      #expect(throws: ContractError.self) { try FunctionLine.decode(changed) }
    }
  }
}
