import Runtime

/// Names of variables that are not settings, and the settings that were probably meant.
public enum SettingNames {
  /// Variables of other programs whose names are only one slip away from a setting.
  private static let foreign: Set<String> = ["LOGFILE", "LOGLEVEL"]
  /// The length from which one slip still points to a name: with a shorter one, it soon makes another word.
  private static let shortestName = 7
  /// The length from which two slips still point to a name.
  private static let longName = 18
  /// The length from which no other program uses the same name in lower case.
  private static let caseName = 10

  /// The names that an operator can set.
  static let settable = DeclaredSetting.all.flatMap(\.settings).map(\.declaration)
    .filter { $0.origin != .run }.map(\.name)

  /// The setting that a variable of the environment was probably meant to be; `nil` when the variable belongs to some
  /// other program.
  ///
  /// Such a name is one slip away: a letter that is missing, added, wrong, or swapped with its neighbour. In names of
  /// 18 letters or more there may be two slips, in names of fewer than 7 letters none. From 10 letters on, the name in
  /// lower case counts as well.
  public static func meant(by name: String) -> String? {
    guard !foreign.contains(name), !isDeclared(name) else { return nil }
    return settable.first { setting in
      let length = setting.utf8.count
      if length >= caseName, name.uppercased() == setting { return true }
      guard length >= shortestName else { return false }
      return distance(name, setting) <= (length >= longName ? 2 : 1)
    }
  }

  /// The setting whose name is nearest to an unknown one in a place where only settings belong; `nil` when none is
  /// near.
  public static func nearest(to name: String) -> String? {
    let upper = name.uppercased()
    let nearest = settable.map { (distance: distance(upper, $0), name: $0) }
      .min { $0.distance < $1.distance }
    guard let nearest, nearest.distance <= max(1, nearest.name.utf8.count / 3) else { return nil }
    return nearest.name
  }

  private static func isDeclared(_ name: String) -> Bool {
    DeclaredSetting.all.contains { $0.settings.contains { $0.declaration.name == name } }
  }

  /// The number of slips between two names: letters to add, remove, replace, or swap with their neighbour.
  ///
  /// Source: optimal string alignment, the restricted Damerau–Levenshtein distance.
  static func distance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    // There is a row for each number of letters of `left`, of which three at a time suffice.
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 1...max(1, left.count) where row <= left.count {
      var current = [row]
      for column in 1...max(1, right.count) where column <= right.count {
        let isSame = left[row - 1] == right[column - 1]
        var best = min(
          last[column] + 1,
          current[column - 1] + 1,
          last[column - 1] + (isSame ? 0 : 1)
        )
        if row > 1, column > 1, left[row - 1] == right[column - 2],
          left[row - 2] == right[column - 1]
        {
          best = min(best, beforeLast[column - 2] + 1)
        }
        current.append(best)
      }
      (beforeLast, last) = (last, current)
    }
    return last[right.count]
  }
}
