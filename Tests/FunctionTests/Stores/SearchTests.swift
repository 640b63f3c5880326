import API
import Endpoint
import Runtime
import Testing
import Values

@testable import PostgreSQL

/// The search for tasks by words, whatever the text.
struct SearchTests {
  let fixture: Fixture
  let ada: Person

  init() throws {
    fixture = try Fixture()
    ada = try fixture.stranger()
  }

  private func add(_ title: String, _ description: String? = nil) throws {
    fixture.clock.advance(seconds: 1)
    try fixture.createTask(
      .with {
        $0.title = title
        if let description { $0.description_p = description }
      },
      as: ada.caller
    )
  }

  private func found(_ terms: String) throws -> [String] {
    try fixture.listTasks(.with { $0.q = terms }, as: ada.caller).tasks.map(\.title)
  }

  @Test func `a new installation keeps one index of words`() throws {
    let names = try fixture.taskService.database.read(
      Query(Statement("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '% USING gin %'"))
    ) { try $0.text(0) }
    #expect(names == ["tasks_by_term"])
  }

  @Test(arguments: [
    "milk", "bread", "MILK/bread", "see", "report", "pdf", "report.pdf", "abc", "123", "ABC-123",
    "-123",
    "jane", "acme", "example", "jane@acme.example", "urgent", "<urgent>", "milk urgent 123", "3",
    "5", "3.5",
    "example.org", "path", "https://example.org/path?q=1", "it", "s", "it's", "a_b", "b", "½", "2",
  ])
  func `words are found whatever stands between them`(terms: String) throws {
    let title = "Milk/Bread, see report.pdf, ABC-123, jane@acme.example, <urgent> 3.5"
    try add(title, "https://example.org/path?q=1&r=2#x it's a_b \u{BD}")
    try add("Something else")

    #expect(try found(terms) == [title])
  }

  @Test(arguments: [
    ("Café", "Cafe\u{301}"), ("Cafe\u{301}", "Café"), ("Crème brûlée", "creme brulee"),
    ("creme", "CRÈME"), ("Straße", "STRASSE"), ("STRASSE", "straße"), ("ΟΔΥΣΣΕΥΣ", "οδυσσεύς"),
    ("Οδυσσεύς", "ΟΔΥΣΣΕΥΣ"), ("ΣΑΣ", "σασ"), ("İstanbul", "istanbul"), ("ISTANBUL", "İstanbul"),
    ("Øyvind", "oyvind"), ("Łódź", "lodz"), ("Ёлка", "елка"), ("МОСКВА", "москва"), ("ﬁsh", "fish"),
    ("ＡＢＣ１２", "abc12"), ("x²", "x2"), ("Ⅷ", "viii"), ("Việt Nam", "viet nam"), ("한국어", "한국어"),
    ("가게", "\u{1100}\u{1161}\u{1100}\u{1166}"), ("ｶﾞｽ", "ガス"), ("הַשָּׁלוֹם", "השלום"), ("مُحَمَّد", "محمد"),
    ("हिन्दी", "हिन्दी"), ("soft\u{AD}ware", "software"), ("zero\u{200B}width", "zerowidth"),
    ("ſtraße", "strasse"), ("Ǆ", "dž"),
  ])
  func `case, accents and Unicode forms make no difference`(title: String, terms: String) throws {
    try add(title)
    try add("unlike")

    #expect(try found(terms) == [title])
    #expect(try found(terms + " ") == [title])
  }

  @Test func `the last word may be the beginning of one, from two letters on`() throws {
    try add("Buy groceries")
    try add("Grow tomatoes", "g r")

    for terms in ["groc", "GROC", "grocer", "groceries", "buy groc", "buy gr", "-groc", "\"groc"] {
      #expect(try found(terms) == ["Buy groceries"], "\(terms)")
    }
    #expect(try found("gr") == ["Grow tomatoes", "Buy groceries"])
    #expect(try found("g") == ["Grow tomatoes"])
    // Whoever goes on behind a word has finished it.
    for terms in ["groc ", "groc.", "groc, buy", "bu gro", "roceries", "groceriess"] {
      #expect(try found(terms) == [], "\(terms)")
    }
  }

  @Test(arguments: [
    ("购买牛奶", "牛奶"), ("购买牛奶", "购买牛奶"), ("购买牛奶", "牛"), ("购买牛奶", "奶"), ("购买牛奶", "买牛 牛奶"),
    ("3月に東京へ行く", "東京"), ("3月に東京へ行く", "3"), ("3月に東京へ行く", "京"), ("カタカナ", "ﾀｶ"),
    ("นมและขนมปัง", "ขนม"), ("นมและขนมปัง", "ขนมปัง"), ("ຊື້ນົມ", "ນົມ"), ("ទិញទឹកដោះ", "ទឹក"), ("နို့ဝယ်ရန်", "ဝယ်"),
    ("买milk奶", "milk"), ("买milk奶", "奶 mil"), ("𠮷野家", "野家"), ("𠮷野家", "𠮷"), ("购买牛奶", "牛 牛"),
    ("购买牛奶", "牛奶 奶 牛奶"),
  ])
  func `text without blanks is found by its parts`(title: String, terms: String) throws {
    try add(title)
    try add("牙 凉 ขม カナ")

    #expect(try found(terms) == [title])
  }

  @Test(arguments: ["奶牛", "买奶", "京東", "มน"])
  func `text without blanks is not found by what does not stand in it`(terms: String) throws {
    try add("购买牛奶")
    try add("東京 ขนม")

    #expect(try found(terms) == [])
  }

  @Test(arguments: [
    " ", "🎉", "?!", "\t", "-", "%", "\"\"", "'", "\\", "👩‍👩‍👧", "\u{301}", "…", "\u{200B}",
    "&|!:*()<->",
  ])
  func `terms without any word are ignored`(terms: String) throws {
    try add("a")
    try add("b", "🎉")

    #expect(try found(terms) == ["b", "a"])
    let filtered = try fixture.listTasks(
      .with { ($0.q, $0.status) = (terms, [.completed]) },
      as: ada.caller
    )
    #expect(filtered.tasks == [])
  }

  @Test func `words of any length, and many of them, are found`() throws {
    let long = String(repeating: "x", count: 255)
    try add(long, String(repeating: "y", count: 10_000))
    try add("many", (0..<1000).map { "w\($0)" }.joined(separator: " "))
    try add("ligatures", String(repeating: "\u{FDFA}", count: 10_000))
    try add(
      "ideographs",
      String(String.UnicodeScalarView((0..<10_000).map { Unicode.Scalar(0x4E00 + $0)! }))
    )

    #expect(try found(long) == [long])
    #expect(try found(String(repeating: "y", count: 255)) == [long])
    #expect(try found(String(repeating: "y", count: 40)) == [long])
    #expect(try found("w500") == ["many"])
    #expect(try found((0..<50).map { "w\($0)" }.joined(separator: " ")) == ["many"])
    #expect(try found("\u{4E00}\u{4E01}") == ["ideographs"])
    // The contract's bound: the first 4,000 characters.
    #expect(try found("\u{4E00}\u{4E01} \u{5D9F}") == ["ideographs"])
    #expect(try found("\u{5DA0}\u{5DA1}") == [])
  }

  @Test func `a task is found by what it says now`() throws {
    try add("Paint the fence")
    let task = try fixture.listTasks(.with { $0.q = "fence" }, as: ada.caller).tasks[0]
    try fixture.updateTask(
      .with { ($0.id, $0.title) = (task.id, "Paint the door") },
      as: ada.caller
    )

    #expect(try found("fence") == [])
    #expect(try found("door") == ["Paint the door"])
  }

  @Test func `many that have the terms have pages, and few among many are found`() throws {
    for number in 1...60 { try add("Report \(number)" + (number % 20 == 1 ? " zebra" : "")) }

    var request = ListTasksRequest.with { ($0.q, $0.pageSize) = ("report", 25) }
    var titles: [String] = []
    for _ in 0..<3 {
      let page = try fixture.listTasks(request, as: ada.caller)
      titles += page.tasks.map(\.title)
      request.pageToken = page.nextPageToken
    }
    #expect(request.pageToken == "")
    #expect(titles.count == 60)
    #expect(Set(titles).count == 60)
    // Too few among those that come first.
    let rare = try fixture.listTasks(
      .with { ($0.q, $0.pageSize) = ("zebra", 2) },
      as: ada.caller
    )
    #expect(rare.tasks.map(\.title) == ["Report 41 zebra", "Report 21 zebra"])
    #expect(
      try fixture.listTasks(
        .with { ($0.q, $0.pageSize, $0.pageToken) = ("zebra", 2, rare.nextPageToken) },
        as: ada.caller
      ).tasks.map(\.title) == ["Report 1 zebra"]
    )
  }

  /// Every character of the basic plane, in texts of different neighbours: each is a word, separates words, or vanishes.
  @Test func `no text breaks the index or the query, and every text finds itself`() throws {
    let database = try Postgres.database(
      .task,
      options: Database.Options(statementTimeoutMilliseconds: 60_000)
    ).by(Deadline(millisecondsFromNow: 60_000))
    let lost = try database.read(
      Query(
        """
        SELECT count(*), count(*) FILTER (WHERE search_query(text) IS NULL) FROM (
          SELECT 'a' || chr(n) || 'b ' || chr(n) || chr(n + 1) AS text
          FROM generate_series(1, 65533) n WHERE n NOT BETWEEN 55295 AND 57343) AS texts
        WHERE (search_vector(text, NULL) @@ search_query(text)) IS NOT true
          OR (search_vector('', normalize(text, NFD)) @@ search_query(text)) IS NOT true
        """
      )
    ) { (try $0.integer(0), try $0.integer(1)) }
    #expect(lost.map { $0.0 } == [0])
  }
}
