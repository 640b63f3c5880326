import Contract
import Generation
import Testing

struct `The tables of functions` {
  private let table: FunctionTable

  init() throws {
    table = FunctionTable(
      try registry(
        function("get-order", ["GET"], "/api/v1/orders/{id}", rpc: "shop.v1.Shop/GetOrder"),
        function("health", ["GET"], "/health/{probe}", service: "health"),
        function("forget", rpc: "shop.v1.Shop/Forget")
      ),
      uses: ["get-order": ["Tokens", "WebPush"], "health": []]
    )
  }

  @Test func `have a line for each, with what it may touch`() {
    #expect(
      table.table == """
        | function | method and path | gRPC | who | uses |
        |---|---|---|---|---|
        | get-order | GET /orders/{id} | shop.v1.Shop/GetOrder | signed in | Tokens, WebPush |
        | health | GET /health/{probe} | – | signed in | – |
        | forget | – | shop.v1.Shop/Forget | signed in | – |
        """
    )
    #expect(
      String(decoding: table.list.bytes, as: UTF8.self).split(separator: "\n").dropFirst()
        == ["get-order\tshop", "health\thealth", "forget\tshop"]
    )
  }

  @Test func `stand between the two marks of a page, and leave the rest as it is`() throws {
    let start = "<!-- functions: made by scripts/generate -->"
    let page = "# Page\n\n\(start)\n| old |\n<!-- /functions -->\n\nThe end.\n"
    let made = try table.inserted(into: page, path: "README.md")
    #expect(made.path == "README.md")
    let text = String(decoding: made.bytes, as: UTF8.self)
    #expect(
      text == "# Page\n\n\(start)\n\(table.table)\n<!-- /functions -->\n\nThe end.\n"
    )
    #expect(try table.inserted(into: text, path: "README.md") == made)
  }

  @Test(arguments: [
    "", "<!-- functions: made by scripts/generate -->", "<!-- /functions -->",
    "<!-- /functions -->\n<!-- functions: made by scripts/generate -->",
  ])
  func `have no place on a page without the marks, in their order`(page: String) {
    let error = #expect(throws: ContractError.self) {
      try table.inserted(into: page, path: "README.md")
    }
    #expect(error?.description.hasPrefix("README.md has no place for the table") == true)
  }
}

struct `The manifest` {
  private func uses(_ targets: String, products: String = "") throws -> [String: [String]] {
    try Manifest(json: Array(#"{"targets": [\#(targets)], "products": [\#(products)]}"#.utf8)).uses
  }

  private func target(_ name: String, _ type: String, _ modules: String...) -> String {
    let names = modules.map { #"{"byName": ["\#($0)", null]}"# }.joined(separator: ", ")
    return #"{"name": "\#(name)", "type": "\#(type)", "dependencies": [\#(names)]}"#
  }

  private func product(_ name: String, _ target: String) -> String {
    #"{"name": "\#(name)", "targets": ["\#(target)"]}"#
  }

  @Test func `tells what an executable uses beyond what all functions have`() throws {
    let uses = try uses(
      [
        target("GetOrder", "executable", "API", "Serving"),
        target("PlaceOrder", "executable", "API", "Tokens", "Serving", "Mail"),
        target("Migrate", "executable", "API", "Migrations"),
        target("Serving", "regular", "API"),
        target("Tests", "test", "GetOrder"),
      ].joined(separator: ", "),
      products: [
        product("get-order", "GetOrder"), product("place-order", "PlaceOrder"),
        product("migrate", "Migrate"), product("library", "Serving"),
      ].joined(separator: ", ")
    )
    #expect(
      uses == ["get-order": [], "place-order": ["Tokens", "Mail"], "migrate": ["Migrations"]]
    )
  }

  @Test func `may have dependencies on other packages, which are no modules of ours`() throws {
    let uses = try uses(
      """
      {"name": "A", "type": "executable", "path": "Functions/A", "dependencies": [
        {"product": ["SwiftProtobuf", "swift-protobuf", null, null]}, {"byName": ["Serving", null]},
        {"byName": ["Mail", null]}]},
      \(target("B", "executable", "Serving"))
      """,
      products: "\(product("a", "A")), \(product("b", "B"))"
    )
    #expect(uses == ["a": ["Mail"], "b": []])
  }

  @Test(arguments: ["", "{}", "[]", "error: no manifest"])
  func `is refused when it is something else`(text: String) {
    let error = #expect(throws: ContractError.self) { try Manifest(json: Array(text.utf8)) }
    #expect(error?.description.hasPrefix("this is not what `swift package dump-package`") == true)
  }
}
