import Descriptors
import JSON
import OpenAPI

/// `describe-endpoints`: reads what each function says of itself (`--describe`, a line each) from standard input and
/// writes the description of the whole API, an OpenAPI document.
@main
struct DescribeEndpoints {
  static func main() throws {
    var functions: [FunctionDescription] = []
    while let line = readLine() {
      functions.append(try FunctionDescription(line: Array(line.utf8)))
    }
    var json = JSONWriter(capacity: 65_536)
    json.value(Document(functions, contract: Contract()).json)
    print(String(decoding: json.bytes, as: UTF8.self))
  }
}
