"""Requests that lead nowhere: they are limited like all others, and cost the disk little whatever clients send."""

import http.client
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from conftest import PORT_OFFSET
from system import System

#: Below what a second of allowed requests logs.
LOG_MAX_BYTES = 20_000
#: More than any limit's burst, sent faster than its rate allows.
FLOOD = 1200


@pytest.fixture(scope="module")
def own(request):
    system = System.start("limits", PORT_OFFSET + 500, RATE_LIMIT="on", LOG_MAX_BYTES=str(LOG_MAX_BYTES), CRON="off")
    yield system
    system.stop(remove=request.session.testsfailed == 0)


def flood(system, method, path, source, count=FLOOD, port=None):
    """Statuses and last body of many requests on a few connections of one address."""
    def some(_):
        connection = http.client.HTTPConnection("127.0.0.1", port or system.port(), timeout=20, source_address=(source, 0))
        found = []
        for _ in range(count // 8):
            connection.request(method, path)
            reply = connection.getresponse()
            found.append((reply.status, reply.read(), reply.getheader("Retry-After"), reply.getheader("Allow")))
        connection.close()
        return found
    with ThreadPoolExecutor(8) as pool:
        return [reply for found in pool.map(some, range(8)) for reply in found]


@pytest.mark.parametrize("number, method, path, status", [
    (2, "GET", "/nope", 404), (3, "PUT", "/api/v1/tasks", 405), (4, "POST", "/docs/", 405), (5, "GET", "/docs/nothing", 404),
    (6, "GET", "/docs/docs.css.gz", 404), (7, "GET", "/api/v1/tasks/x/y/z", 404), (8, "POST", "/nope", 404),
    (9, "GET", "/protos/nothing.proto", 404), (10, "PROBE", "/api/v1/tasks", 405), (11, "GET", "/_session", 404),
    (12, "GET", "/%5fsession/note", 404), (13, "GET", "/x/..//_none/path", 404), (14, "POST", "/_error/internal", 404),
    (15, "GET", "/x%2f%5Fsession", 404), (16, "GET", "/%2F_session", 404)])
def test_what_leads_nowhere_is_limited(own, number, method, path, status):
    replies = flood(own, method, path, f"127.0.0.{number}")
    statuses = [reply[0] for reply in replies]
    assert set(statuses) == {status, 429}, set(statuses)
    # The burst of 400 passes, and 200 a second.
    assert 300 <= statuses.count(status) <= 1000, statuses.count(status)
    refused = next(reply for reply in replies if reply[0] == 429)
    assert json.loads(refused[1])["code"] == "RATE_LIMITED" and json.loads(refused[1])["details"] == {"limit": "requests"}
    assert refused[2] == "1"
    answered = next(reply for reply in replies if reply[0] == status)
    assert json.loads(answered[1])["code"] == {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}[status]
    assert (answered[3] is not None) == (status == 405)


def test_unknown_methods_of_grpc_are_limited(own):
    with grpc.insecure_channel(f"127.0.0.1:{own.grpc_port()}") as channel:
        call = channel.unary_unary("/nothing.v1.Nothing/Nothing", request_serializer=bytes, response_deserializer=bytes)
        calls = [call.future(b"", timeout=20) for _ in range(FLOOD)]
        codes = [one.code() for one in calls]
    assert set(codes) == {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes.count(grpc.StatusCode.UNIMPLEMENTED) <= 1000


def logged(system):
    time.sleep(1.3)     # nginx writes once a second
    return (system.state_dir / "logs/nginx-access.log").read_bytes()


def test_a_log_line_is_short_valid_and_ascii_whatever_the_path(own):
    paths = [b"/" + b'"' * 3800, b"/" + b"\\" * 3000, b"/\xff\xfe\xe9" + b"x" * 500, "/tâches/été".encode(), b"/%ff%00%22" * 100,
             b"/" + b"a" * 7000, b"/ok?secret=" + b"s" * 3000]
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", own.port(), timeout=10, source_address=("127.0.0.40", 0))
        connection._validate_path = lambda _: None
        connection._encode_request = lambda request: request.encode("latin-1")
        connection.request("GET", path.decode("latin-1"))
        assert connection.getresponse().status in (400, 404)
        connection.close()
    # It may have been renamed meanwhile.
    older = own.state_dir / "logs/nginx-access.log.1"
    lines = ((older.read_bytes() if older.exists() else b"") + logged(own)).splitlines()
    entries = [json.loads(line.decode("ascii")) for line in lines]
    assert len([entry for entry in entries if entry["address"] == "127.0.0.40"]) == len(paths)
    assert all(len(entry["path"]) <= 200 and "secret" not in entry["path"] for entry in entries)
    assert max(map(len, lines)) < 1000


def test_the_log_of_nginx_is_bounded_while_it_runs(own):
    log = own.state_dir / "logs/nginx-access.log"
    replies = flood(own, "GET", "/" + "x" * 150, "127.0.0.50", count=800)
    assert len(replies) == 800
    end = time.monotonic() + 20
    while not (os.path.exists(f"{log}.1") and log.stat().st_size <= LOG_MAX_BYTES):
        assert time.monotonic() < end, log.stat().st_size
        time.sleep(0.2)
    # nginx goes on in the new file.
    flood(own, "GET", "/after-the-change", "127.0.0.51", count=8)
    assert b"/after-the-change" in logged(own)
