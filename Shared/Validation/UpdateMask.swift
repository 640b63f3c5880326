internal import API
internal import Endpoint
import Values

extension Violations {
  /// The fields to change: those that the mask names, or without a mask those that are given. What is given beside the
  /// mask is ignored, so that a client may send back the whole resource that it has read. `*` stands for all fields, as
  /// in a PUT: of the `others`, for those that are given. `inner` are the fields of fields that a mask may name.
  /// Source: AIP-134, google/protobuf/field_mask.proto.
  mutating func changing(
    _ given: Set<String>,
    mask: FieldMask?,
    replaceable: [String],
    others: [String],
    inner: [String] = []
  ) -> Set<String> {
    guard let mask else { return given }
    if mask.names == ["*"] { return given.union(replaceable) }
    let named = Set(mask.names)
    if named.contains("*") {
      add("update_mask", "must name * alone, which stands for all fields")
      return []
    }
    let unknown = named.subtracting(replaceable + others + inner).sorted()
    if !unknown.isEmpty {
      let names = unknown.prefix(20).map { $0.excerpt() }.joined(separator: ", ")
      add("update_mask", "names \(names), which cannot be changed")
    }
    return named
  }
}
