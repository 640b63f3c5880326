extension Empty: RuledMessage {}
extension SessionQuestion: RuledMessage {}
extension HealthCheckRequest: RuledMessage {}
extension HealthCheckResponse: RuledMessage {}
extension ReflectionRequest: RuledMessage {}
extension ReflectionResponse: RuledMessage {}

extension ProbeRequest: RuledMessage {
  /// The services that can be asked for.
  public static let services = ["user", "auth", "task", "notification"]

  /// What to look at.
  public static var rules: [FieldRule] {
    [
      FieldRule("probe", example: "ready").values(["live", "ready"]).required,
      FieldRule("service", example: "task").values(services),
    ]
  }
}

extension ProbeResponse: RuledMessage {
  /// Everything is always there.
  public static var rules: [FieldRule] {
    [FieldRule("status", example: "UP").values(["UP"]).required, FieldRule("checks").required]
  }
}
