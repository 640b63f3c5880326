"""The API's description at /openapi.json, and the page at /docs/ in a real browser."""

import gzip
import json
import os
import re
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest
import requests
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from client import PASSWORD, Client, expect, send_raw, wrong_with_error
from contract import SERVICE_PORTS
from system import REPOSITORY

DESCRIPTION = json.loads((REPOSITORY / "Shared/API/openapi.json").read_text())
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, item in DESCRIPTION["paths"].items() for method, operation in item.items() if "operationId" in operation}
TYPES = {
    "/openapi.json": "application/json",
    "/docs/": "text/html; charset=utf-8",
    "/docs/index.html": "text/html; charset=utf-8",
    "/docs/docs.css": "text/css; charset=utf-8",
    "/docs/docs.js": "text/javascript; charset=utf-8",
    "/docs/icon.svg": "image/svg+xml",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/LICENSE": "text/plain; charset=utf-8",
    "/protos/task/v1/task.proto": "text/plain; charset=utf-8",
}
PROTOS = REPOSITORY / "Shared/API/Protos"
DESKTOP, PHONE = (1280, 900), (360, 740)
# The operations that nobody can call without a sign-in.
LOCKED = {name for name, (_, _, operation) in OPERATIONS.items() if operation["security"] == [{"bearer": []}]}


@pytest.fixture
def read(system):
    """Requests a path from the gateway, and checks that an error has the one error shape."""
    session = requests.Session()
    session.trust_env = False

    def read(path, method="GET", compressed=False, **headers):
        headers = {"Accept-Encoding": "gzip" if compressed else "identity",
                   **{name.replace("_", "-"): value for name, value in headers.items()}}
        reply = session.request(method, system.url() + path, headers=headers, allow_redirects=False, timeout=15)
        assert reply.headers["X-Request-Id"]
        if reply.status_code >= 400:
            wrong = wrong_with_error(reply.status_code, reply.headers, None if method == "HEAD" else reply.content)
            assert wrong is None, f"{wrong}; {method} {path}"
        return reply
    yield read
    session.close()


# The files that the gateway serves

def test_the_description_is_the_committed_one(read):
    assert read("/openapi.json").content == (REPOSITORY / "Shared/API/openapi.json").read_bytes()


def test_the_files_of_the_contract_are_the_committed_ones(read):
    names = [str(path.relative_to(PROTOS)) for path in PROTOS.glob("**/*.proto")]
    for name in names:
        reply = read(f"/protos/{name}")
        if name.startswith("gateway/"):     # it has nothing for clients
            assert reply.status_code == 404
        else:
            assert reply.content == (PROTOS / name).read_bytes()
    assert len(names) > 5


@pytest.mark.parametrize("path", TYPES)
def test_every_file_says_what_it_is_and_how_it_may_be_used(read, path):
    reply = read(path)
    assert reply.status_code == 200 and reply.content
    assert reply.headers["Content-Type"] == TYPES[path]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    policy = dict(rule.strip().split(" ", 1) for rule in reply.headers["Content-Security-Policy"].split(";"))
    assert policy == {"default-src": "'self'", "img-src": "'self' data:", "object-src": "'none'",
                      "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("path", TYPES)
def test_a_known_version_is_asked_for_and_not_sent_again(read, path, compressed):
    reply = read(path, compressed=compressed)
    assert reply.headers["Cache-Control"] == "no-cache"
    again = read(path, compressed=compressed, If_None_Match=reply.headers["ETag"])
    assert again.status_code == 304 and not again.content
    assert read(path, compressed=compressed, If_None_Match='"another"').status_code == 200


@pytest.mark.parametrize("path", TYPES)
def test_every_file_is_compressed_when_asked_for(system, read, path):
    small = send_raw(system.port(), f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Accept-Encoding: gzip\r\n\r\n".encode())
    assert small.headers["Content-Encoding"] == "gzip" and small.headers["Vary"] == "Accept-Encoding"
    plain = read(path)
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(small.body) == plain.content


@pytest.mark.parametrize("path", TYPES)
def test_head_answers_like_get_without_the_body(read, path):
    got, head = read(path), read(path, "HEAD")
    assert head.status_code == 200 and not head.content
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Content-Security-Policy"):
        assert head.headers[name] == got.headers[name]


def test_the_page_without_its_slash_leads_to_it(read):
    for path, target in (("/docs", "/docs/"), ("/docs?x=1", "/docs/?x=1")):
        reply = read(path)
        assert reply.status_code == 301 and reply.headers["Location"] == target
        assert reply.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", [*TYPES, "/docs"])
def test_another_method_is_refused(read, path):
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"):
        reply = read(path, method)
        expect(reply, 405, "METHOD_NOT_ALLOWED")
        assert reply.headers["Allow"] == "GET, HEAD", method


@pytest.mark.parametrize("path", [
    "/docs/nothing", "/docs/nothing/", "/docs/index.html.gz", "/docs/index.html/", "/docs/index.html/x",
    "/docs/../nginx/nginx.conf", "/docs/%2e%2e/secrets/jwt-keys.json", "/docs/..%2fsupervisord.conf",
    "/docs/openapi.json", "/docs/.git/config", "/docsx", "/Docs/", "/openapi.json/", "/openapi.jsonx",
    "/openapi.json.gz", "/openapi.json%0a", "/index.html", "/www/openapi.json", "/protos", "/protos/", "/protos/task/",
    "/protos/task/v1/task.proto.gz", "/protos/task/v1/task.proto/", "/protos/task/v1/nothing.proto",
    "/protos/../secrets/jwt-keys.json", "/protos/gateway/v1/gateway.proto"])
def test_a_missing_path_is_not_found(system, path):
    reply = send_raw(system.port(), f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert reply.status == 404 and reply.json["code"] == "NOT_FOUND", reply


@pytest.mark.parametrize("service", SERVICE_PORTS)
@pytest.mark.parametrize("path", ["/docs", "/docs/", "/openapi.json", "/protos/task/v1/task.proto"])
def test_only_the_gateways_port_has_them(system, service, path):
    for method in ("GET", "POST"):
        reply = send_raw(system.port(service), f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                         "Content-Length: 0\r\n\r\n".encode())
        assert reply.status == 404, reply


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/"])
def test_nobody_is_asked_who_they_are(system, read, path):
    with system.stopped("verify-token"):
        for token in ("", "Bearer x.y.z"):
            assert read(path, Authorization=token).status_code == 200


def test_the_log_has_what_was_read_and_what_was_not_there(system, read):
    read("/docs/", X_Request_Id="docs-read")
    read("/docs/nothing", X_Request_Id="docs-not-there")
    time.sleep(1.2)     # nginx flushes its log once a second
    lines = (system.state_dir / "logs/nginx-access.log").read_text().splitlines()
    levels = {entry["request_id"]: entry["level"] for entry in map(json.loads, lines)}
    assert levels["docs-read"] == "info" and levels["docs-not-there"] == "warning"


def test_who_reads_too_often_is_limited(strict_system):
    def ask(_):
        client = Client(strict_system.url())
        return {client.session.head(strict_system.url() + "/openapi.json", timeout=15).status_code for _ in range(300)}

    with ThreadPoolExecutor(6) as threads:
        assert set().union(*threads.map(ask, range(6))) == {200, 429}
    time.sleep(2.5)     # for the tests that follow


# The page, as it is written

class Tags(HTMLParser):
    """Collects all tags of a page, and the text inside scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.inline = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline += data.strip()


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere():
    page = Tags((REPOSITORY / "nginx/docs/index.html").read_text())
    assert not page.inline
    for tag, attributes in page.tags:
        assert tag != "style" and not [name for name in attributes if name == "style" or name.startswith("on")]
        for target in (attributes.get("href"), attributes.get("src")):
            own = r"[a-z-]+\.(css|js|svg)|/openapi\.json|/contract\.binpb|#[a-z-]+"
            assert target is None or re.fullmatch(own, target), target


# Fetching Swagger UI

def fetch_swagger_ui(root, *wheels):
    """Fetches Swagger UI as scripts/run does, into another checkout, with these wheels and no network."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "source scripts/lib/common.sh; source scripts/lib/packages.sh; "
         'root=$1; fetch_swagger_ui', "fetch", root],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=90,
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1",
             "PIP_FIND_LINKS": " ".join(str(wheel.parent) for wheel in wheels)})


def test_without_swagger_ui_a_start_warns_and_goes_on(tmp_path):
    done = fetch_swagger_ui(tmp_path)
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1 and "Swagger UI could not be fetched" in done.stderr
    assert {path.name for path in (tmp_path / ".build").iterdir()} == {"swagger-ui.lock", "swagger-ui.log"}


def test_another_swagger_ui_than_the_wanted_one_is_refused(tmp_path):
    wheel = tmp_path / "drf_spectacular_sidecar-2026.10.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("drf_spectacular_sidecar-2026.10.1.dist-info/METADATA",
                      "Metadata-Version: 2.1\nName: drf-spectacular-sidecar\nVersion: 2026.10.1\n")
        file.writestr("x/static/x/swagger-ui-dist/swagger-ui-bundle.js", "alert()")
    done = fetch_swagger_ui(tmp_path, wheel)
    assert done.returncode == 0 and not (tmp_path / ".build/swagger-ui").exists()
    assert "HASHES" in (tmp_path / ".build/swagger-ui.log").read_text()


def test_what_was_fetched_is_not_fetched_again(system):
    done = fetch_swagger_ui(REPOSITORY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# The page, in a browser

class Page:
    """The docs page in a browser window, as a person uses it."""

    def __init__(self, driver, origin):
        self.driver = driver
        self.origin = origin
        self.failures = set()   # paths whose requests should fail
        driver.get("about:blank")
        self.wrong()            # no longer of interest

    def open(self, size=DESKTOP, colours="light"):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": colours}]})
        self.driver.get(self.origin + "/docs/")
        return self

    def until(self, condition, what):
        """Waits for a condition and returns its result. Swagger UI may redraw in the middle of it."""
        wait = WebDriverWait(self.driver, 10, 0.05, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: condition(), f"waited for {what}")

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        """Returns the element once it is shown."""
        return self.until(lambda: next((found for found in self.all(selector) if found.is_displayed()), None), selector)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    @property
    def message(self):
        return self.one("#message").text

    @property
    def problem(self):
        return self.until(lambda: self.one("#problem").text, "what is wrong with the sign-in")

    def sign_in(self, name, password, button="#sign-in", **fields):
        """Fills in the form of signing in, or signing up; opens it first unless it is open."""
        if not self.all("dialog[open]"):
            self.one(button).click()
        for field, text in {"name": name, **fields, "password": password}.items():
            self.one(f"#{field}").clear()
            self.one(f"#{field}").send_keys(text)
        self.one("#submit").click()

    def locks(self):
        """The names of the operations that have an open lock, and of those that have a closed one."""
        def having(lock):
            return {name for name in OPERATIONS if self.all(f"{self.operation(name)} .opblock-summary .lock.{lock}")}
        return having("open"), having("closed")

    def signed_in_as(self, name):
        return self.until(lambda: self.one("#who").text == name, f"{name} to be signed in")

    def operation(self, name):
        """Returns an operation's selector."""
        return f"#operations-{OPERATIONS[name][2]['tags'][0]}-{name}"

    def expand(self, name):
        operation = self.operation(name)
        self.one(f"{operation} .opblock-summary-control").click()
        self.one(f"{operation} .opblock-body")
        return operation

    def execute(self, name):
        """Executes an expanded operation; returns the answer's status and body as shown."""
        operation = self.operation(name)
        for clear in self.all(f"{operation} button.btn-clear"):
            clear.click()
        self.one(f"{operation} button.execute").click()
        answer = f"{operation} .live-responses-table .response"
        status = self.until(lambda: self.one(f"{answer} .response-col_status").text.split(), "the answer")
        return int(status[0]), self.until(lambda: self.one(f"{answer} .highlight-code pre").text, "its body")

    def overflow(self):
        """Returns the page's width and the elements that reach beyond the window, if there are any."""
        return self.script("""
            const wide = document.documentElement.scrollWidth > arguments[0]
            return wide ? [document.documentElement.scrollWidth, ...[...document.querySelectorAll("body *")]
              .filter(one => one.getBoundingClientRect().right > arguments[0])
              .map(one => `${one.tagName}.${one.className}`)] : []""", PHONE[0])

    def wrong(self):
        """Returns the browser's complaints, and the page's requests to other hosts."""
        complaints = [entry["message"] for entry in self.driver.get_log("browser")
                      if not any(path in entry["message"] for path in self.failures)]
        complaints += self.script("return window.violations ?? []")
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith((self.origin + "/", "data:", "about:blank")):
                    complaints.append(f"asked {url}")
        return complaints


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Debian's Chromium, headless and without a connection to any other machine."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["headless=new", "disable-dev-shm-usage", "disable-background-networking",
                     "disable-component-update", "no-first-run", "no-proxy-server",
                     "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                     f"user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(f"--{argument}")
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")    # root has none
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "*")
        environment.setenv("SE_OFFLINE", "true")    # the driver is installed, so nothing is downloaded
        driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
            window.violations = []
            addEventListener("securitypolicyviolation", (event) =>
              violations.push(`${event.violatedDirective}: ${event.blockedURI}`))"""})
        yield driver
        driver.quit()


@pytest.fixture
def page(system, browser):
    """The page, freshly opened; afterwards, there must be no complaints and no requests to other hosts."""
    page = Page(browser, system.url())
    page.open().script("sessionStorage.clear()")    # the tab is that of the test before
    page.open().one(".opblock")
    yield page
    assert page.wrong() == []


def test_every_operation_is_on_the_page(page):
    assert len(page.all(".opblock")) == len(OPERATIONS)
    for name, (method, path, operation) in OPERATIONS.items():
        row = page.one(page.operation(name) + " .opblock-summary-control").text.replace("\u200b", "")
        assert row.split() == [method.upper(), path, *operation["summary"].split()]


def test_somebody_signs_in_tries_out_and_signs_out(page, system, user):
    assert page.locks() == (set(), LOCKED)
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    assert not page.all("#sign-in")[0].is_displayed() and not page.all("dialog[open]")
    assert page.locks() == (LOCKED, set())
    token = page.script("return session.access_token")

    body = page.one(page.expand("createTask") + " textarea")
    body.send_keys(Keys.CONTROL, "a")
    body.send_keys('{"title": "from the docs page"}')
    status, answer = page.execute("createTask")
    assert status == 201
    task = json.loads(answer)
    assert expect(user.get(f"/tasks/{task['id']}"), 200) == task

    page.expand("listTasks")
    status, answer = page.execute("listTasks")
    assert status == 200 and json.loads(answer)["tasks"] == [task]

    page.one("#sign-out").click()
    page.until(lambda: page.message == "You are signed out.", "the end of the session")
    assert page.locks() == (set(), LOCKED)
    page.failures.add("/api/v1/tasks")
    assert page.execute("listTasks")[0] == 401
    page.until(lambda: Client(system.url(), token).get("/tasks").status_code == 401, "the token's end")
    page.open().one(".opblock")
    assert page.one("#sign-in") and page.script("return sessionStorage.length") == 0


def test_nothing_is_locked_that_needs_no_sign_in(page):
    assert LOCKED >= {"listTasks", "getUser"} and not {"createUser", "login", "checkHealth"} & LOCKED
    assert page.locks() == (set(), LOCKED)
    names = {lock.accessible_name for lock in page.all(".lock")}
    assert names == {"Needs a sign-in"} and {lock.aria_role for lock in page.all(".lock")} == {"image"}
    # Signing in is the page's own, once.
    assert not page.all(".authorize") and not page.all(".authorization__btn")


def test_a_reload_goes_on_with_the_session(page, user):
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    token = page.script("return session.access_token")
    page.open().one(".opblock")
    page.signed_in_as(user.username)
    assert page.script("return session.access_token") == token
    page.until(lambda: page.locks() == (LOCKED, set()), "the locks")
    page.expand("listTasks")
    assert page.execute("listTasks")[0] == 200
    page.one("#sign-out").click()
    page.until(lambda: page.message == "You are signed out.", "the end of the session")
    page.until(lambda: Client(page.origin, token).get("/tasks").status_code == 401, "the token's end")


def test_another_tab_has_no_session(page, user):
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        page.open().one(".opblock")
        assert page.one("#sign-in") and page.locks() == (set(), LOCKED)
    finally:
        page.driver.close()
        page.driver.switch_to.window(first)


def test_a_reload_after_the_end_of_the_session_asks_for_another(page, user):
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    expect(user.post("/auth/logout", {"refresh_token": user.refresh_token, "everywhere": True}), 204)
    page.until(lambda: user.get("/tasks").status_code == 401, "the session's end")
    page.open().one(".opblock")
    page.until(lambda: page.message == "Your session has ended: sign in again.", "the message")
    assert page.one("#sign-in") and page.script("return sessionStorage.length") == 0


@pytest.mark.parametrize("kept", ["{", "null", "7", "{}", '{"access_token": "x.y.z", "user": {"username": "ada"}}'])
def test_what_the_tab_has_kept_may_be_anything(page, kept):
    page.script("sessionStorage.setItem('session', arguments[0])", kept)
    page.failures.add("/api/v1/auth/validate")
    page.open().one(".opblock")
    page.until(lambda: page.one("#sign-in") and not page.script("return session"), "nobody to be signed in")


def test_somebody_new_signs_up(page, anyone):
    name = f"new-{os.urandom(6).hex()}"
    page.failures.add("/api/v1/users")
    page.sign_in(name, "short", "#sign-up", email=f"{name}@example.com")
    assert "password" in page.problem.lower() and "8" in page.problem
    page.sign_in("ad", "correct horse battery", email=f"{name}@example.com")
    page.until(lambda: "username" in page.problem.lower(), "what is wrong with the name")
    page.sign_in(name, "correct horse battery", email=f"{name}@example.com")
    page.signed_in_as(name)
    assert not page.all("dialog[open]")
    page.one("#sign-out").click()
    page.until(lambda: page.message == "You are signed out.", "the end of the session")
    # The form has forgotten what was typed, and is for signing in again.
    page.one("#sign-in").click()
    assert page.one("#account-title").text == "Sign in" and page.one("#name").get_property("value") == ""
    assert not page.all("#email")[0].is_displayed()
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog[open]"), "the form to be closed")


def test_a_closed_sign_up_is_told_in_the_words_of_the_api(strict_system, browser):
    account = {"username": f"new-{os.urandom(6).hex()}", "email": "new@example.com", "password": PASSWORD}
    refused = expect(Client(strict_system.url()).post("/users", account), 403, "PERMISSION_DENIED")
    page = Page(browser, strict_system.url())
    page.open().one(".opblock")
    page.sign_in(account["username"], account["password"], "#sign-up", email=account["email"])
    assert page.problem.lower() == refused["error"].lower()


def test_the_page_links_to_the_contract(page, read):
    page.one("summary").click()
    targets = [link.get_attribute("href").removeprefix(page.origin) for link in page.all("section.about details a")]
    expected = sorted(f"/protos/{path.relative_to(PROTOS)}" for path in PROTOS.glob("**/*.proto")
                      if path.relative_to(PROTOS).parts[0] != "gateway")
    assert targets == ["/openapi.json", "/contract.binpb", *expected]
    for target in targets:
        assert read(target).status_code == 200
    assert page.one("details").text.count("gRPC") == 2     # its title, and one sentence
    for summary in page.all("summary")[1:]:
        summary.click()
    assert "gRPC" not in page.one("#swagger-ui .info").text


def test_a_change_says_what_may_be_chosen(page):
    page.expand("updateTask")
    said = page.one(page.operation("updateTask") + " .opblock-description-wrapper").text
    for status in ("PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"):
        assert status in said
    example = json.loads(page.one(page.operation("updateTask") + " textarea").get_property("value"))
    assert example["reminders"] == [1440, 60]


def test_a_table_in_a_description_is_a_table(page, system):
    published = system.state_dir / "www/openapi.json"
    compressed = published.with_name("openapi.json.gz")
    text, description = published.read_bytes(), json.loads(published.read_bytes())
    description["paths"]["/api/v1/tasks/{id}"]["patch"]["description"] = "Transitions:\n\n| from | to |\n|---|---|\n" \
        "| PENDING | IN_PROGRESS, COMPLETED, CANCELLED |\n| CANCELLED | PENDING |\n\nAccess: owner."
    try:
        published.write_text(json.dumps(description))
        compressed.rename(compressed.with_name("away"))
        page.open(PHONE).one(".opblock")
        page.expand("updateTask")
        rows = [row.text for row in page.all(page.operation("updateTask") + " .opblock-description tr")]
        assert rows == ["from to", "PENDING IN_PROGRESS, COMPLETED, CANCELLED", "CANCELLED PENDING"]
        assert page.overflow() == []
    finally:
        published.write_bytes(text)
        compressed.with_name("away").rename(compressed)


def test_errors_of_every_operation_are_told_once(page):
    common = set.intersection(*({status for status in operation["responses"] if status >= "400"}
                                for _, _, operation in OPERATIONS.values())) - {"400"}
    page.expand("updateTask")
    shown = {row.get_attribute("data-code") for row in page.all(page.operation("updateTask") + " .response")
             if row.is_displayed()}
    assert shown == set(OPERATIONS["updateTask"][2]["responses"]) - common
    for summary in page.all("summary"):
        summary.click()
    told = page.one("#swagger-ui .info").text
    assert all(f"{status} " in told for status in common)


def test_an_e_mail_address_does_as_a_name(page, user):
    page.sign_in(f" {user.user['email']}", user.password)
    page.signed_in_as(user.username)


def test_a_wrong_password_is_told_in_the_words_of_the_api(page, anyone, user):
    page.failures.add("/api/v1/auth/login")
    refused = expect(anyone.post("/auth/login", {"username": user.username, "password": "wrong"}), 401)
    page.sign_in(user.username, "wrong")
    assert page.problem.lower() == refused["error"].lower()
    assert page.driver.switch_to.active_element == page.one("#password")
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    assert "failed" not in page.one("#message").get_attribute("class")
    page.one("#sign-out").click()
    page.one("#sign-in").click()
    assert page.all("#problem")[0].text == ""


def test_a_session_that_ends_elsewhere_ends_here_too(page, user):
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    page.expand("listTasks")
    expect(user.post("/auth/logout", {"refresh_token": user.refresh_token, "everywhere": True}), 204)
    page.until(lambda: user.get("/tasks").status_code == 401, "the session's end")
    page.failures.add("/api/v1/tasks")
    assert page.execute("listTasks")[0] == 401
    assert page.one("#sign-in") and "session" in page.message.lower()


def test_a_server_out_of_reach_is_told(page, user):
    page.failures.add("/api/v1/auth/")
    network = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    try:
        page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**network, "offline": True})
        page.sign_in(user.username, user.password)
        assert page.problem == "The server cannot be reached."
    finally:
        page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", network)
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)


def test_the_keyboard_is_enough(page, user):
    def press(*keys):
        for key in keys:
            page.driver.switch_to.active_element.send_keys(key)
        focused = page.driver.switch_to.active_element
        assert focused.value_of_css_property("outline-style") == "solid", "the focus is not to be seen"
        return focused.get_attribute("id")

    press(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "Skip to the operations"
    assert press(Keys.TAB) == "sign-in"
    assert press(Keys.ENTER) == "name"
    assert press(user.username, Keys.TAB) == "password"
    page.driver.switch_to.active_element.send_keys(user.password, Keys.ENTER)
    page.signed_in_as(user.username)
    assert press() == "sign-out"
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.until(lambda: page.message == "You are signed out.", "the end of the session")
    assert press() == "sign-in"


def test_a_screen_reader_is_told_what_is_what(page):
    page.one("#sign-in").click()
    names = {page.one(selector).accessible_name for selector in ("dialog", "#name", "#password", "#submit")}
    assert names == {"User name or e-mail", "Password", "Sign in"}
    assert page.one("dialog").aria_role == "dialog" and page.all("#problem")[0].aria_role == "alert"
    page.one("#cancel").click()
    page.one("#sign-up").click()
    names = {page.one(selector).accessible_name for selector in ("dialog", "#name", "#email", "#password", "#submit")}
    assert names == {"User name", "E-mail", "Password", "Sign up"}
    page.one("#cancel").click()
    assert page.one(page.expand("createTask") + " textarea").accessible_name == "Request body"
    assert page.all("#message")[0].aria_role == "status"
    assert page.all("#message")[0].get_attribute("aria-live") == "polite"
    assert page.script("return document.documentElement.lang") == "en" and page.driver.title
    assert [one.text for one in page.all("h1") if one.is_displayed()] == ["Task management API"]


CONTRASTS = """
  const parts = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a] }
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  function behind(one) {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor)
      if (colour[3] == 1) return colour
    }
    return [255, 255, 255]
  }
  const poor = new Set()
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement
    if (!texts.currentNode.data.trim() || !one.checkVisibility() || one.matches("script, style, noscript, option")) continue
    const [a, b] = [light(parts(getComputedStyle(one).color)), light(behind(one))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < 4.5) poor.add(`${one.tagName}.${one.className} ${texts.currentNode.data.slice(0, 20)} ${ratio.toFixed(1)}`)
  }
  return [...poor]"""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(page, user, colours):
    page.open(colours=colours)
    page.one("#sign-in").click()
    assert page.script(CONTRASTS) == []
    page.one("#cancel").click()
    for summary in page.all("summary"):
        summary.click()
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    for name in ("createTask", "updateTask", "listTasks"):
        page.expand(name)
    page.execute("listTasks")
    page.one(page.operation("updateTask") + " .tablinks.inactive").click()
    assert page.script(CONTRASTS) == []
    is_dark = page.script("return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 128")
    assert is_dark == (colours == "dark")


def test_a_phone_need_not_scroll_sideways(page, user):
    page.open(PHONE).one(".opblock")
    assert page.overflow() == []
    # Several operations are on the first screen.
    assert len([row for row in page.all(".opblock") if row.rect["y"] + row.rect["height"] <= PHONE[1]]) >= 4
    page.failures.add("/api/v1/auth/login")
    page.sign_in("x" * 255, "wrong")
    assert page.problem and page.overflow() == []
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    for name in ("createUser", "login", "replaceTask", "listTasks", "listUserTasks", "checkHealth"):
        operation = page.expand(name)
        if name == "listTasks":
            page.execute(name)
        for tab in page.all(f"{operation} .tablinks.inactive"):
            if tab.is_displayed():
                tab.click()
        assert page.overflow() == [], name
        page.one(f"{operation} .opblock-summary-control").click()
    page.one(".models-control").click()
    assert page.overflow() == []


def test_a_finger_hits_everything_on_a_phone(page, user):
    page.open(PHONE)
    page.one("#sign-in").click()
    assert min(side for name in ("#name", "#password", "#submit", "#cancel")
               for side in page.one(name).size.values()) >= 40
    page.sign_in(user.username, user.password)
    page.signed_in_as(user.username)
    page.expand("replaceTask")
    page.expand("listTasks")
    page.execute("listTasks")
    small = page.script("""
        return [...document.querySelectorAll("button, input, select, textarea")]
          .map(one => [one, one.getBoundingClientRect()])
          .filter(([one, {width, height}]) => one.checkVisibility() && (width < 40 || height < 40))
          .map(([one, {width, height}]) => `${one.className}#${one.id} ${width}x${height}`)""")
    assert small == []
    page.one("#sign-out").click()
    assert min(side for name in ("#sign-in", "#sign-up") for side in page.one(name).size.values()) >= 40


def test_without_swagger_ui_the_page_says_so(page, system):
    page.failures.add("swagger-ui-bundle.js")
    files = [system.state_dir / "www/docs" / name for name in ("swagger-ui-bundle.js", "swagger-ui-bundle.js.gz")]
    for file in files:
        file.rename(file.with_name(f"{file.name}.away"))
    try:
        page.open()
        assert "Swagger UI" in page.one("#missing").text
        assert page.one("#missing a").get_attribute("href") == page.origin + "/openapi.json"
        assert not page.all("#sign-in")[0].is_displayed() and not page.all("#sign-up")[0].is_displayed()
    finally:
        for file in files:
            file.with_name(f"{file.name}.away").rename(file)
