"""The gateway: routes, methods, limits, ids, compression, conditional reads, health."""

import gzip
import json
import re
import socket
import subprocess
import threading
import time

import pytest

from client import PASSWORD, Client, expect, send_raw, sign_up
from contract import ENDPOINTS, SERVICE_PORTS
from grpc_client import Services, task_pb2
from test_tokens import mint

ANY_ID = "01890000-0000-7000-8000-000000000000"
ALLOWED = {
    "/users": {"POST", "GET"}, f"/users/{ANY_ID}": {"GET", "PUT", "PATCH", "DELETE"},
    "/auth/login": {"POST"}, "/auth/validate": {"POST"}, "/auth/refresh": {"POST"}, "/auth/logout": {"POST"},
    "/tasks": {"POST", "GET"}, f"/tasks/{ANY_ID}": {"GET", "PUT", "PATCH", "DELETE"},
    f"/users/{ANY_ID}/tasks": {"GET"},
    "/notifications/email": {"POST"}, "/notifications/push": {"POST"}, f"/notifications/{ANY_ID}": {"GET"},
    "/push-key": {"GET"}, "/push-subscriptions": {"GET", "POST"}, f"/push-subscriptions/{ANY_ID}": {"DELETE"},
}


@pytest.mark.parametrize("path", [
    "/", "/api", "/api/", "/api/v1", "/api/v2/tasks", "/api/v1/TASKS", "/api/v1/tasks/", "/api/v1/task",
    "/api/v1/tasks/1/2", "/api/v1/users/1/tasks/2", "/api/v1/auth", "/api/v1/auth/login/x", "/index.html",
    "/.git/config", "/health", "/_session", "/api/v1/health", "/metrics", "/api/v1/tasks.json"])
def test_a_path_that_nobody_serves_is_not_found(system, user, path):
    reply = send_raw(system.port(), f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     f"Authorization: Bearer {user.token}\r\n\r\n".encode())
    assert reply.status == 404 and reply.json["code"] == "NOT_FOUND", reply


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
def test_another_method_is_refused_and_the_allowed_ones_are_named(user, prefix, path):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "FOO"} - ALLOWED[path]:
        reply = user.call(method, prefix + path)
        expect(reply, 405, "METHOD_NOT_ALLOWED")
        allowed = {name.strip() for name in reply.headers["Allow"].split(",")}
        assert allowed - {"HEAD"} == ALLOWED[path], method


@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
def test_both_prefixes_are_the_same_api(user, prefix):
    task = expect(user.post(f"{prefix}/tasks", {"title": prefix}), 201)
    expect(user.get(f"{prefix}/tasks/{task['id']}"), 200)
    expect(user.patch(f"{prefix}/tasks/{task['id']}", {"title": "x"}), 200)
    assert expect(user.get(f"{prefix}/tasks"), 200)["tasks"]
    expect(user.get(f"{prefix}/users/{user.id}"), 200)
    expect(user.get(f"{prefix}/users/{user.id}/tasks"), 200)
    expect(user.delete(f"{prefix}/tasks/{task['id']}"), 204)
    expect(user.post(f"{prefix}/auth/login", {"username": user.username, "password": user.password}), 200)


@pytest.mark.parametrize("service", SERVICE_PORTS)
@pytest.mark.parametrize("function", ENDPOINTS)
def test_a_service_port_serves_its_own_functions_only(system, user, service, function):
    endpoint = ENDPOINTS[function]
    client = Client(system.url(service), user.token)
    body = {"title": "x"} if endpoint.method in ("POST", "PATCH") else None
    reply = client.call(endpoint.method, endpoint.path.format(id=ANY_ID), json=body)
    if endpoint.service == service:
        assert reply.status_code != 405
        assert reply.status_code != 404 or reply.json()["code"] in (
            "TASK_NOT_FOUND", "USER_NOT_FOUND", "NOTIFICATION_NOT_FOUND", "SUBSCRIPTION_NOT_FOUND",
            "LINK_NOT_FOUND")
    else:
        assert reply.status_code in (404, 405), reply.text


# Limits

def test_a_large_body_is_refused(user):
    expect(user.post("/tasks", raw=b"x" * 1_100_000), 413, "PAYLOAD_TOO_LARGE")


def test_a_long_address_is_refused(user):
    expect(user.get("/tasks?q=" + "x" * 60_000), 414, "URI_TOO_LONG")


def test_large_headers_are_refused(user):
    expect(user.get("/tasks", headers={"X-Large": "x" * 60_000}), 431, "HEADERS_TOO_LARGE")


def flood(count, threads, call):
    """Calls `call()` this many times from several threads, and returns the replies."""
    replies, lock = [], threading.Lock()

    def run():
        for _ in range(count // threads):
            reply = call()
            with lock:
                replies.append(reply)

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return replies


@pytest.mark.parametrize("function, body", [
    ("login", {"username": "nobody-here", "password": "whatever it is"}),
    ("create-user", {"username": "nobody", "email": "nobody@example.com", "password": PASSWORD}),
    ("refresh-token", {"refresh_token": "A" * 43}),
])
def test_a_flood_is_limited_and_hurts_nobody_else(strict_system, strict_admin, function, body):
    path = ENDPOINTS[function].path
    count = 240 if function == "refresh-token" else 60
    replies = flood(count, 4, lambda: Client(strict_system.url()).post(path, body))
    limited = [reply for reply in replies if reply.status_code == 429]
    assert limited and len(limited) < len(replies)
    answer = expect(limited[0], 429, "RATE_LIMITED")
    assert int(limited[0].headers["Retry-After"]) >= 1
    assert function.split("-")[0] in json.dumps(answer["details"])
    expect(strict_admin.get("/tasks"), 200)
    time.sleep(int(limited[0].headers["Retry-After"]))
    assert Client(strict_system.url()).post(path, body).status_code != 429


def test_a_token_that_asks_too_often_is_limited_and_no_other(strict_system, strict_admin):
    greedy = strict_admin.another_session()

    def call():
        return client_of_thread().get(f"/tasks/{ANY_ID}")

    local = threading.local()

    def client_of_thread():
        if not hasattr(local, "client"):
            local.client = Client(strict_system.url(), greedy.token)
        return local.client

    replies = flood(1800, 6, call)
    statuses = {reply.status_code for reply in replies}
    assert statuses == {404, 429}, statuses
    expect(strict_admin.get("/tasks"), 200)


# Pools that are down

@pytest.mark.parametrize("function, call", [
    ("get-task", lambda user: user.get(f"/tasks/{ANY_ID}")),
    ("create-task", lambda user: user.post("/tasks", {"title": "x"})),
    ("list-users", lambda user: user.get("/users"))])
def test_a_function_whose_pool_is_stopped_is_unavailable_and_the_others_go_on(system, user, function, call):
    with system.stopped(function):
        started = time.monotonic()
        reply = call(user)
        expect(reply, 503, "UNAVAILABLE")
        assert int(reply.headers["Retry-After"]) >= 1 and time.monotonic() - started < 2
        expect(user.get(f"/users/{user.id}"), 200)
    assert call(user).status_code in (201, 403, 404)


# Request ids and headers

@pytest.mark.parametrize("sent", ["abc", "A1._-", "x" * 128, ANY_ID])
@pytest.mark.parametrize("path", ["/tasks", f"/tasks/{ANY_ID}", "/nowhere"])
def test_a_valid_request_id_comes_back(user, sent, path):
    assert user.get(path, headers={"X-Request-Id": sent}).headers["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", "<script>", "a\"b", "ü", "a/b", "{}"])
def test_an_invalid_request_id_is_replaced(user, sent):
    reply = user.get("/tasks", headers={"X-Request-Id": sent.encode()})
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", reply.headers["X-Request-Id"])
    assert reply.headers["X-Request-Id"] != sent


def test_every_request_has_an_id_of_its_own(user):
    assert len({user.get("/tasks").headers["X-Request-Id"] for _ in range(20)}) == 20


def test_every_error_of_the_gateway_has_the_request_id(system, user):
    asked = [user.get("/nowhere"), user.call("FOO", "/tasks"), user.post("/tasks", raw=b"x" * 1_100_000),
             user.get("/tasks?q=" + "x" * 60_000), Client(system.url()).get("/tasks"),
             Client(system.url(), "x.y.z").get("/tasks")]
    assert [reply.status_code for reply in asked] == [404, 405, 413, 414, 401, 401]
    assert all(reply.headers["X-Request-Id"] for reply in asked)


def test_the_request_id_is_in_the_log_of_the_function(system, user):
    user.get("/tasks", headers={"X-Request-Id": "to-be-found-in-the-log"})
    end = time.monotonic() + 3
    while not any(b"to-be-found-in-the-log" in path.read_bytes() for path in system.logs()):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_log_is_json_lines_with_what_an_operator_needs(system, user):
    user.get(f"/tasks/{ANY_ID}", headers={"X-Request-Id": "one-line-for-me"})
    time.sleep(0.3)
    lines = (system.state_dir / "logs" / "task" / "get-task.log").read_text().splitlines()
    [entry] = [json.loads(line) for line in lines if "one-line-for-me" in line]
    assert entry["status"] == 404 and entry["function"] == "get-task"
    assert {"time", "level", "function", "request_id", "status", "duration_ms", "user_id"} <= set(entry)
    assert entry["user_id"] == user.id


def test_replies_are_safe_to_show_and_not_to_keep(user):
    for reply in (user.get("/tasks"), user.get(f"/tasks/{ANY_ID}"), user.get("/nowhere"), user.post("/tasks", {})):
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in reply.headers["Cache-Control"]
        assert not re.search(r"\d", reply.headers.get("Server", ""))
        assert "X-Refusal" not in reply.headers and "X-Powered-By" not in reply.headers


def test_a_proxy_header_has_no_effect(user):
    expect(user.get("/tasks", headers={"Proxy": "http://127.0.0.1:9"}), 200)
    expect(user.post("/tasks", {"title": "x"}, headers={"Proxy": "http://127.0.0.1:9"}), 201)


def test_a_client_cannot_pretend_to_be_the_session_check(system, user):
    for headers in ({"Session-Check": "1"}, {"X-Session-Check": "1"}, {"X-Refusal": "TOKEN_EXPIRED"}):
        expect(user.get("/tasks", headers=headers), 200)
    assert Client(system.url()).get("/auth/validate").status_code == 405


# Compression and conditional reads

def test_a_long_reply_is_compressed_when_asked_for(system, user):
    for number in range(10):
        user.new_task(title=f"{number}", description="words " * 100)
    head = (f"GET /api/v1/tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: Bearer {user.token}\r\n")
    plain = send_raw(system.port(), (head + "\r\n").encode())
    small = send_raw(system.port(), (head + "Accept-Encoding: gzip\r\n\r\n").encode())
    assert "Content-Encoding" not in plain.headers
    assert int(plain.headers["Content-Length"]) == len(plain.body)
    assert small.headers["Content-Encoding"] == "gzip"
    assert "accept-encoding" in small.headers["Vary"].lower()
    body = small.body
    if small.headers.get("Transfer-Encoding") == "chunked":
        body = b"".join(_chunks(body))
    assert gzip.decompress(body) == plain.body


def _chunks(body):
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return
        yield body[:length]
        body = body[length + 2:]


def test_the_etag_of_a_compressed_reply_guards_an_update(user):
    path = f"/tasks/{user.new_task(description='words ' * 500)['id']}"
    reply = user.get(path, headers={"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Encoding"] == "gzip"
    tag = reply.headers["ETag"]
    expect(user.get(path, headers={"If-None-Match": tag}), 304)
    expect(user.patch(path, {"title": "x"}, headers={"If-Match": tag}), 200)
    expect(user.patch(path, {"title": "y"}, headers={"If-Match": tag}), 412, "VERSION_MISMATCH")


@pytest.mark.parametrize("tags, status", [
    ('"1"', 304), ("*", 304), ('"7", "1"', 304), ('W/"1"', 304), ('"2"', 200), ('"11"', 200), ("1", 200), ("", 200)])
def test_a_known_version_is_not_sent_again(user, tags, status):
    for path in (f"/tasks/{user.new_task()['id']}", f"/users/{user.id}"):
        reply = user.get(path, headers={"If-None-Match": tags})
        assert reply.status_code == status
        assert reply.headers["ETag"] == '"1"'
        if status == 304:
            assert reply.content == b""


def test_head_answers_like_get_without_the_body(system, user):
    task = user.new_task()
    for path in ("/tasks", f"/tasks/{task['id']}", f"/users/{user.id}", f"/users/{user.id}/tasks"):
        target = f"/api/v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {user.token}\r\n\r\n"
        got = send_raw(system.port(), f"GET {target}".encode())
        head = send_raw(system.port(), f"HEAD {target}".encode())
        assert head.status == 200 and head.body == b""
        assert head.headers["Content-Length"] == got.headers["Content-Length"] == str(len(got.body))
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers.get("ETag") == got.headers.get("ETag")


def test_head_of_a_missing_path_is_a_bare_404(user):
    assert user.call("HEAD", f"/tasks/{ANY_ID}").status_code == 404


def test_replies_are_json_in_utf8(user):
    task = user.new_task(title="ü")
    reply = user.get(f"/tasks/{task['id']}")
    assert reply.headers["Content-Type"].lower().replace(" ", "") in (
        "application/json", "application/json;charset=utf-8")
    assert json.loads(reply.content.decode("utf-8"))["title"] == "ü"


# Health

@pytest.mark.parametrize("port", [None, *SERVICE_PORTS])
@pytest.mark.parametrize("probe", ["live", "ready"])
def test_health_is_up_on_every_port_for_everybody(system, port, probe):
    answer = expect(Client(system.url(port)).get(f"/health/{probe}"), 200)
    assert answer["status"] == "UP" and all(state == "UP" for state in answer["checks"].values())


def test_health_does_not_know_other_probes(anyone):
    for path in ("/health/dead", "/health/ready/x", "/health/"):
        expect(anyone.get(path), 404, "NOT_FOUND")
    expect(anyone.post("/health/live"), 405)


# A client that ignores all limits

def test_many_requests_on_one_connection_get_their_own_answers(system, user):
    tasks = [user.new_task(title=f"number {number}") for number in range(5)]
    data = b""
    for number, task in enumerate(tasks):
        close = "Connection: close\r\n" if number == 4 else ""
        data += (f"GET /api/v1/tasks/{task['id']} HTTP/1.1\r\nHost: x\r\n{close}"
                 f"Authorization: Bearer {user.token}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", system.port()), timeout=10) as connection:
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert re.findall(rb'"title": ?"(number \d)"', received) == [b"number %d" % n for n in range(5)]


def test_a_new_account_is_usable_at_once(system):
    assert expect(sign_up(system.url()).get("/tasks"), 200)["tasks"] == []


def test_what_services_alone_may_call_is_not_limited_by_token(strict_system, strict_admin):
    """dispatch-reminders hands over thousands in a row; a token is allowed 740 calls in the time that these take."""
    with Services(strict_system, mint(strict_system, strict_admin, role="SERVICE")) as services:
        started = time.monotonic()
        for _ in range(1500):
            services.tasks.DeleteUserTasks(task_pb2.DeleteUserTasksRequest(user_id=ANY_ID))
        assert time.monotonic() - started < 5, "too slow to meet the limit"
    time.sleep(2)  # for the tests that follow


def test_a_new_token_for_every_request_is_no_way_around_the_limits(strict_system, tmp_path):
    script = tmp_path / "tokens.lua"
    script.write_text("""
        request = function()
          local signature = string.format("%020d", math.random(0, 2^53))
          return wrk.format("GET", nil, {Authorization = "Bearer a.b." .. signature})
        end
    """)
    done = subprocess.run(
        ["wrk", "-t1", "-c16", "-d3s", "-s", str(script), strict_system.url() + "/api/v1/tasks"],
        capture_output=True, text=True, timeout=30)
    requests = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    time.sleep(1.2)  # nginx flushes its log once a second
    log = (strict_system.state_dir / "logs" / "nginx-access.log").read_text()
    limited = log.count('"status":429,"method":"GET","path":"/api/v1/tasks"')
    # One address may send 2,000 requests at once and 1,000 a second.
    assert requests > 7_000, f"only {requests} requests: too slow to meet the limit"
    assert requests - limited <= 2000 + 1000 * 4, f"{limited} of {requests} were limited"
    time.sleep(2.5)  # for the tests that follow
