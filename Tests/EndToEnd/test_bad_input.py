"""The answer to bad input: a clear error in the one error shape, and no change."""

import gzip
import re
import secrets

import pytest

from client import PASSWORD, expect, send_raw, sign_up
from grpc_client import notification_pb2, refusal, task_pb2, user_pb2

NUL = "a\x00b"
GOOD_USER = {"username": "perfectly-fine", "email": "fine@example.org", "password": PASSWORD}


@pytest.fixture(scope="module", autouse=True)
def no_worker_dies_of_it(system):
    """Checks that no input ends a worker: the same processes run before and after."""
    before = system.workers()
    yield
    assert system.workers() == before


@pytest.fixture(scope="module")
def patient(system):
    """A user with one task, which no test in this file may change."""
    account = sign_up(system.url())
    account.task = account.new_task(title="unchanged")
    account.path = f"/tasks/{account.task['id']}"
    yield account
    assert expect(account.get("/tasks"), 200)["tasks"] == [account.task]


def http(method, path, headers=(), body=b"", length=True):
    """Makes the bytes of a request that asks for the connection to be closed."""
    if isinstance(path, str):
        path = path.encode()
    lines = [f"{name}: {value}".encode() if isinstance(value, str) else name.encode() + b": " + value
             for name, value in headers]
    if length and body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([method.encode() + b" " + path + b" HTTP/1.1", b"Host: localhost",
                         b"Connection: close", *lines, b"", b""]) + body


def json_headers(account):
    return [("Authorization", f"Bearer {account.token}"), ("Content-Type", "application/json")]


# Bodies

BROKEN_JSON = [
    b"{", b'{"title":', b'{"title": "a",}', b"{'title': 'a'}", b'{"title": "a"} x', b'{"title": "a"}{}',
    b'{"title": "a" "status": "PENDING"}', b'{title: "a"}', b'{"title": "\\u12"}', b'{"title": "\\x41"}',
    b'{"title": "a\nb"}', b'{"title": NaN}', b'{"title": "a", "due_date": Infinity}',
    b'{"title": tru}', b'{"title": "a"', b'{"title": "a}', b'{"title" "a"}', b"\xef\xbb\xbf{", b"}",
    b'{"title": "a", "priority": 01}', b'{"title": "a" /* why */}', b"\x00", b'{"title": "a"}\x00',
    b'{"title": "a", "title": "b"}',
]


@pytest.mark.parametrize("body", BROKEN_JSON, ids=repr)
def test_broken_json_is_called_so(patient, body):
    reply = patient.post("/tasks", raw=body)
    assert reply.status_code == 400 and reply.json()["code"] in ("MALFORMED_JSON", "INVALID_ARGUMENT")
    if b'"title": "a", "title"' not in body and b"NaN" not in body and b"Infinity" not in body:
        assert reply.json()["code"] == "MALFORMED_JSON", reply.text


def test_broken_json_is_pointed_at(patient):
    answer = expect(patient.post("/tasks", raw=b'{"title": "a",\n "status": }'), 400, "MALFORMED_JSON")
    assert re.search(r"\d", answer["error"]), answer


@pytest.mark.parametrize("body", [b"", b" ", b"null", b"[]", b'"text"', b"5", b"true", b"[{}]"], ids=repr)
@pytest.mark.parametrize("path", ["/tasks", "/auth/login", "/users"])
def test_a_body_that_is_no_object_is_refused(patient, path, body):
    assert patient.post(path, raw=body).status_code == 400


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b'{"title":' * 50_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"title":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
], ids=["arrays", "objects", "closed objects", "closed arrays"])
def test_deep_nesting_is_refused_at_once(patient, body):
    assert patient.post("/tasks", raw=body).status_code == 400


@pytest.mark.parametrize("field, value", [
    ("title", 5), ("title", True), ("title", ["a"]), ("title", {"a": "b"}), ("title", None), ("title", 1.5),
    ("description", 5), ("description", []), ("status", 1), ("status", True), ("status", ["PENDING"]),
    ("priority", 3), ("priority", {}), ("due_date", 5), ("due_date", True), ("due_date", []),
    ("user_id", 7),
])
def test_a_value_of_the_wrong_type_is_named(patient, field, value):
    answer = expect(patient.post("/tasks", {"title": "fine", field: value}), 400, "INVALID_ARGUMENT")
    assert field in answer["details"]


@pytest.mark.parametrize("field", [
    "titel", "dueDate", "userId", "", "Title", "id", "version", "created_at", "update_mask", "updateMask",
    "expected_version", "STATUS", "ti\u0074le ", "💥", "x" * 3000])
def test_an_unknown_field_is_named(patient, field):
    answer = expect(patient.post("/tasks", {"title": "fine", field: "1"}), 400, "INVALID_ARGUMENT")
    assert field[:20] in str(answer["details"]) or field[:20] in answer["error"]


@pytest.mark.parametrize("field, value", [
    ("id", "01890000-0000-7000-8000-000000000000"), ("update_mask", "title"),
    ("update_mask", {"paths": ["title"]}), ("expected_version", 1), ("version", 5), ("created_at", None)])
def test_an_update_cannot_touch_what_is_not_changeable(patient, field, value):
    expect(patient.patch(patient.path, {field: value}), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("path, missing", [
    ("/tasks", {"title"}), ("/users", {"username", "email", "password"}), ("/auth/refresh", {"refresh_token"}),
    ("/auth/logout", {"refresh_token"}), ("/auth/validate", {"token"})])
def test_a_missing_field_is_named(patient, path, missing):
    answer = expect(patient.post(path, {}), 400, "INVALID_ARGUMENT")
    assert missing <= set(answer["details"])


def test_all_invalid_fields_are_in_one_answer(patient, anyone):
    answer = expect(patient.post("/tasks", {
        "title": "x" * 256, "description": "x" * 10_001, "status": "DONE", "priority": "HUGE",
        "due_date": "2026-02-30T00:00:00Z", "colour": "red"}), 400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {
        "title", "description", "status", "priority", "due_date", "colour"}
    answer = expect(anyone.post("/users", {
        "username": "x", "email": "x", "password": "x", "full_name": 5}), 400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {"username", "email", "password", "full_name"}


@pytest.mark.parametrize("field", ["title", "description"])
@pytest.mark.parametrize("text", [
    b"a\\u0000b", b"\\ud800", b"\\udc00\\ud800", b"a\\uDBFFb", b"\\ud83d\\ud83d"], ids=repr)
def test_nul_and_lone_surrogates_are_refused(patient, field, text):
    body = b'{"title": "fine", "description": "fine"}'.replace(
        b'"%s": "fine"' % field.encode(), b'"%s": "%s"' % (field.encode(), text))
    assert expect(patient.post("/tasks", raw=body), 400)["code"] in ("INVALID_ARGUMENT", "MALFORMED_JSON")


@pytest.mark.parametrize("field", ["username", "email", "password", "full_name", "time_zone"])
def test_nul_in_an_account_is_refused(anyone, field):
    value = {"email": "a\0b@example.com"}.get(field, "long enough\0text")
    answer = expect(anyone.post("/users", {**GOOD_USER, field: value}), 400, "INVALID_ARGUMENT")
    assert field in answer["details"]


@pytest.mark.parametrize("field", ["username", "email", "password"])
def test_nul_in_a_login_is_no_server_error(anyone, field):
    body = {"username": "somebody", "password": "long enough", field: "x\0y"}
    if field == "email":
        del body["username"]
    assert anyone.post("/auth/login", body).status_code in (400, 401)


INVALID_UTF8 = [b"\xff", b"\xc3(", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]


@pytest.mark.parametrize("text", INVALID_UTF8, ids=repr)
def test_invalid_utf8_in_a_body_is_refused(patient, text):
    assert patient.post("/tasks", raw=b'{"title": "a%s"}' % text).status_code == 400
    assert patient.post("/tasks", raw=b'{"title": "a", "b%s": 1}' % text).status_code == 400


@pytest.mark.parametrize("text", [b"%FF", b"%C3%28", b"%C0%AF", b"%ED%A0%80", b"%00", b"\xff", b"%", b"%zz"],
                         ids=repr)
def test_invalid_utf8_and_nul_in_a_path_are_refused(system, patient, text):
    for path in (b"/api/v1/tasks/", b"/api/v1/users/"):
        reply = send_raw(system.port(), http("GET", path + text, json_headers(patient)[:1]))
        assert reply.status in (400, 404), reply


@pytest.mark.parametrize("text", [b"%FF", b"%C3%28", b"%C0%AF", b"%ED%A0%80", b"%00", b"\xff", b"%", b"%zz"],
                         ids=repr)
@pytest.mark.parametrize("name", [b"q", b"page_token", b"status", b"user_id"])
def test_invalid_utf8_and_nul_in_a_query_are_refused(system, patient, name, text):
    reply = send_raw(system.port(), http(
        "GET", b"/api/v1/tasks?" + name + b"=" + text, json_headers(patient)[:1]))
    assert reply.status == 400, reply


@pytest.mark.parametrize("field, value", [
    ("status", "DONE"), ("status", "pending"), ("status", ""), ("status", "STATUS_UNSPECIFIED"),
    ("status", "PENDING "), ("status", "1"), ("priority", "HIGHEST"), ("priority", "PRIORITY_UNSPECIFIED")])
def test_an_unknown_enum_value_is_named(patient, field, value):
    for reply in (patient.post("/tasks", {"title": "fine", field: value}),
                  patient.patch(patient.path, {field: value})):
        assert field in expect(reply, 400, "INVALID_ARGUMENT")["details"]


@pytest.mark.parametrize("date", [
    "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T10:00:00Z",
    "2026-13-01T10:00:00Z", "2026-00-10T10:00:00Z", "2026-01-00T10:00:00Z", "2026-11-22T24:00:00Z",
    "2026-11-22T10:60:00Z", "2016-12-31T23:59:60Z", "2016-12-31T23:59:61Z", "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z", "+2026-11-22T10:00:00Z", "-0001-01-01T00:00:00Z", "2026-11-22T10:00:00",
    "2026-11-22", "2026-11-22T10:00Z", "2026-11-22 10:00", "22.11.2026", "tomorrow", "", " ",
    "2026-11-22T10:00:00+24:00", "2026-11-22T10:00:00+01:60", "2026-11-22T10:00:00+0100",
    "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00Zx", " 2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z\n",
    "2026-1-1T10:00:00Z", "２０２６-11-22T10:00:00Z", "1e9", "infinity", "now", "2026-W01-1T00:00:00Z",
    "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
])
def test_an_impossible_date_is_named(patient, date):
    for reply in (patient.post("/tasks", {"title": "fine", "due_date": date}),
                  patient.get("/tasks", params={"due_before": date})):
        details = expect(reply, 400, "INVALID_ARGUMENT")["details"]
        assert set(details) <= {"due_date", "due_before"}


IDS = ["1", "x", "null", "01890000-0000-7000-8000-00000000000", "01890000-0000-7000-8000-00000000000g",
       "01890000000070008000000000000000", "{01890000-0000-7000-8000-000000000000}", "'", "a%2Fb",
       "%20", "x" * 3000, "-1", "💥"]


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("path", ["/tasks/{id}", "/users/{id}", "/users/{id}/tasks"])
def test_an_id_that_is_no_uuid_is_not_found(admin, path, id):
    target = path.format(id=id)
    expect(admin.get(target), 404)
    if not target.endswith("/tasks"):
        expect(admin.delete(target), 404)
        expect(admin.patch(target, {"full_name" if "users" in path else "title": "x"}), 404)


@pytest.mark.parametrize("path", ["/users", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/validate",
                                  "/tasks"])
@pytest.mark.parametrize("content_type", [
    "text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x",
    "application/jsonp", "text/json", "nonsense"])
def test_another_content_type_is_refused(patient, path, content_type):
    expect(patient.post(path, raw=b'{"title": "a"}', headers={"Content-Type": content_type}),
           415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8",
    "application/json; charset=utf8", 'application/json;charset="UTF8"', "application/json; Charset=Utf-8"])
def test_json_by_any_of_its_names_is_accepted(user, content_type):
    expect(user.post("/tasks", raw=b'{"title": "a"}', headers={"Content-Type": content_type}), 201)
    task = user.new_task()
    expect(user.put(f"/tasks/{task['id']}", raw=b'{"title": "b"}', headers={"Content-Type": content_type}), 200)


@pytest.mark.parametrize("charset", ["latin1", "utf-16", "iso-8859-1", '"windows-1252"', "utf-7", '""'])
def test_another_character_set_is_refused(patient, charset):
    reply = patient.post("/tasks", raw=b'{"title": "a"}', headers={"Content-Type": f"application/json; charset={charset}"})
    assert "UTF-8" in expect(reply, 415, "UNSUPPORTED_MEDIA_TYPE")["error"]
    assert reply.headers["Accept"] == "application/json"


def test_a_merge_patch_is_what_patch_takes(user):
    merge = {"Content-Type": "application/merge-patch+json"}
    task = user.new_task(description="long", priority="HIGH")
    path = f"/tasks/{task['id']}"
    changed = expect(user.patch(path, raw=b'{"description": null, "title": "b"}', headers=merge), 200)
    assert (changed["title"], changed["description"], changed["priority"]) == ("b", None, "HIGH")
    expect(user.patch(f"/users/{user.id}", raw=b'{"full_name": "Ada"}', headers=merge), 200)
    expect(user.put(path, raw=b'{"title": "b"}', headers=merge), 415, "UNSUPPORTED_MEDIA_TYPE")
    expect(user.post("/tasks", raw=b'{"title": "b"}', headers=merge), 415, "UNSUPPORTED_MEDIA_TYPE")
    other = user.patch(path, raw=b'[]', headers={"Content-Type": "application/json-patch+json"})
    expect(other, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert "application/merge-patch+json" in other.headers["Accept-Patch"]


@pytest.mark.parametrize("method, path", [
    ("POST", "/users"), ("PATCH", "/users/{user}"), ("POST", "/auth/login"), ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"), ("POST", "/auth/validate"), ("POST", "/tasks"), ("PUT", "{task}"), ("PATCH", "{task}"),
    ("POST", "/push-subscriptions")])
@pytest.mark.parametrize("coding", ["gzip", "GZip", "br", "deflate", "identity, gzip"])
def test_a_compressed_body_is_refused_and_told_what_is_understood(patient, method, path, coding):
    path = path.format(user=patient.id, task=patient.path)
    for raw in (gzip.compress(b'{"title": "a"}'), b'{"title": "a"}', b""):
        reply = patient.call(method, path, raw=raw, headers={"Content-Encoding": coding})
        expect(reply, 415, "UNSUPPORTED_ENCODING")
        assert reply.headers["Accept-Encoding"] == "identity"


def test_a_body_that_is_not_compressed_may_say_so(user):
    expect(user.post("/tasks", {"title": "a"}, headers={"Content-Encoding": "Identity"}), 201)


# Text that shows nothing

#: A blank, and what looks like one or like nothing: format characters, fillers, marks and tags.
INVISIBLE = ["   ", "\t\n", "\u00a0", "\u200b", "\u200e\u200f", "\u202e\u202c", "\ufeff", "\u2060", "\u00ad", "\u2800",
             "\u3164", "\u115f\u1160", "\uffa0", "\ufe0f", "\U000e0041\U000e007f", "\u0301", "\u2028", "\x01\x7f"]


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_a_title_that_shows_nothing_is_empty(services, patient, text):
    details = {"title": "must not be empty"}
    tasks = services(patient).tasks
    for reply in (patient.post("/tasks", {"title": text}), patient.patch(patient.path, {"title": text}),
                  patient.put(patient.path, {"title": text})):
        assert expect(reply, 400, "INVALID_ARGUMENT")["details"] == details
    for call, request in ((tasks.CreateTask, task_pb2.CreateTaskRequest(title=text)),
                          (tasks.UpdateTask, task_pb2.UpdateTaskRequest(id=patient.task["id"], title=text))):
        assert refusal(call, request, "INVALID_ARGUMENT").fields == details


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_a_message_that_shows_nothing_is_empty(services, admin, patient, text):
    for path, body, fields in (
            ("/notifications/email", {"recipient": "a@example.com", "subject": text, "body": text}, {"subject", "body"}),
            ("/notifications/push", {"user_id": patient.id, "subject": text, "body": text}, {"subject"})):
        assert set(expect(admin.post(path, body), 400, "INVALID_ARGUMENT")["details"]) == fields
    refused = refusal(services(admin).notifications.SendEmail, notification_pb2.SendEmailRequest(
        recipient="a@example.com", subject=text, body=text), "INVALID_ARGUMENT")
    assert set(refused.fields) == {"subject", "body"}


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_text_that_need_not_be_there_is_empty_when_it_shows_nothing(services, user, text):
    task = user.new_task(description=text)
    assert task["description"] == ""
    changed = services(user).tasks.UpdateTask(task_pb2.UpdateTaskRequest(id=task["id"], description=text))
    assert changed.HasField("description") and changed.description == ""
    assert expect(user.patch(f"/users/{user.id}", {"full_name": text}), 200)["full_name"] == ""


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\n"], ids=ascii)
def test_blanks_around_a_text_are_gone_before_its_length_counts(services, user, blank):
    around = blank * 300 + "x" * 255 + blank * 300
    task = user.new_task(title=around, description=f"{blank}a{blank}b{blank}")
    assert task["title"] == "x" * 255 and task["description"] == f"a{blank}b"
    assert services(user).tasks.CreateTask(task_pb2.CreateTaskRequest(title=around)).title == "x" * 255
    assert expect(user.patch(f"/users/{user.id}", {"full_name": f"{blank}Ada{blank}"}), 200)["full_name"] == "Ada"
    expect(user.post("/tasks", {"title": "x" * 256 + blank}), 400, "INVALID_ARGUMENT")


def test_a_sign_up_trims_the_name(anyone, services):
    name = f"user-{secrets.token_hex(6)}"
    made = expect(anyone.post("/users", {
        "username": f" {name} ", "email": f" {name}@example.com ", "password": PASSWORD}), 201)
    assert (made["username"], made["email"]) == (name, f"{name}@example.com")
    answer = expect(anyone.post("/users", {"username": " ab ", "email": " ", "password": PASSWORD}),
                    400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {"username", "email"}
    refused = refusal(services().users.CreateUser, user_pb2.CreateUserRequest(
        username="\u3164", email="\u200b", password=PASSWORD), "INVALID_ARGUMENT")
    assert refused.fields == {"username": "must not be empty", "email": "must not be empty"}


@pytest.mark.parametrize("title", ["é", "牛奶", "❤\ufe0f", "👩\u200d👧", "می\u200cروم", "a\u200bb", "\u0600",
                                   "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"], ids=ascii)
def test_a_title_that_shows_something_stays_as_it_is(user, title):
    assert user.new_task(title=title)["title"] == title


# The wire

def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_refused(user):
    mebibyte = b'{"title": "a"' + b" " * (1 << 20)
    expect(user.post("/tasks", raw=mebibyte[:(1 << 20) - 1] + b"}"), 201)
    expect(user.post("/tasks", raw=mebibyte[:1 << 20] + b"}"), 413, "PAYLOAD_TOO_LARGE")


def chunked(*chunks):
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def test_a_chunked_body_is_read(system, user):
    reply = send_raw(system.port(), http(
        "POST", "/api/v1/tasks", json_headers(user) + [("Transfer-Encoding", "chunked")],
        chunked(b'{"title"', b': "in pieces"}'), length=False))
    assert reply.status == 201 and reply.json["title"] == "in pieces"


@pytest.mark.parametrize("headers, body", [
    ([("Content-Length", "14"), ("Content-Length", "15")], b'{"title": "a"} '),
    ([("Content-Length", "14, 15")], b'{"title": "a"} '),
    ([("Content-Length", "-1")], b'{"title": "a"}'),
    ([("Content-Length", "x")], b'{"title": "a"}'),
    ([("Content-Length", "0x0e")], b'{"title": "a"}'),
    ([("Content-Length", "99999999999999999999999")], b'{"title": "a"}'),
    ([("Content-Length", "14"), ("Transfer-Encoding", "chunked")], chunked(b'{"title": "a"}')),
    ([("Transfer-Encoding", "chunked")], b"zz\r\nnot a chunk\r\n0\r\n\r\n"),
    ([("Transfer-Encoding", "chunked")], b"ffffffffffffffffff\r\n"),
    ([("Transfer-Encoding", "gzip, chunked")], chunked(b'{"title": "a"}')),
    ([("Transfer-Encoding", "identity")], b'{"title": "a"}'),
    ([("Content-Length", "14"), ("X", b"a\x00b")], b'{"title": "a"}'),
], ids=str)
def test_a_body_of_doubtful_length_is_refused(system, patient, headers, body):
    reply = send_raw(system.port(), http(
        "POST", "/api/v1/tasks", json_headers(patient) + headers, body, length=False), half_close=True)
    assert reply is None or reply.status in (400, 411, 413, 501), reply


def test_the_same_content_length_twice_is_refused(system, patient):
    reply = send_raw(system.port(), http(
        "POST", "/api/v1/tasks", json_headers(patient) + [("Content-Length", "14")] * 2,
        b'{"title": "a"}', length=False))
    assert reply.status == 400, reply


def test_a_chunked_body_that_grows_too_large_is_refused(system, patient):
    reply = send_raw(system.port(), http(
        "POST", "/api/v1/tasks", json_headers(patient) + [("Transfer-Encoding", "chunked")],
        chunked(*[b" " * 65536] * 20), length=False))
    assert reply is None or reply.status == 413, reply


def test_a_body_shorter_than_promised_changes_nothing(system, patient):
    reply = send_raw(system.port(), http(
        "POST", "/api/v1/tasks", json_headers(patient) + [("Content-Length", "100")],
        b'{"title": "a"}', length=False), half_close=True)
    assert reply is None or reply.status in (400, 408), reply


@pytest.mark.parametrize("first", ["good", "bad"])
@pytest.mark.parametrize("second", ["good", "bad"])
def test_several_authorization_headers_are_refused(system, patient, first, second):
    values = {"good": f"Bearer {patient.token}", "bad": "Bearer x.y.z"}
    reply = send_raw(system.port(), http("GET", "/api/v1/tasks", [
        ("Authorization", values[first]), ("Authorization", values[second])]))
    assert reply.status in (400, 401), reply


def test_a_body_on_a_get_is_refused(system, patient):
    reply = send_raw(system.port(), http(
        "GET", "/api/v1/tasks", json_headers(patient), b'{"page_size": 1}'))
    assert reply.status in (400, 413, 415), reply


@pytest.mark.parametrize("headers", [
    [(f"X-{number}", "x" * 20) for number in range(5000)],
    [("X-Large", "x" * 100_000)],
    [("Cookie", "a=b; " * 20_000)],
    [("X" * 40_000, "x")],
], ids=["many", "one large", "cookies", "long name"])
def test_a_flood_of_headers_is_refused(system, patient, headers):
    reply = send_raw(system.port(), http("GET", "/api/v1/tasks", json_headers(patient)[:1] + headers))
    assert reply is None or reply.status in (400, 431), reply


@pytest.mark.parametrize("garbage", [
    b"\r\n\r\n\r\n", b"\x00" * 500, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET\r\n\r\n",
    b"GET /api/v1/tasks HTTP/9.9\r\n\r\n", b"GET /api/v1/tasks HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", b"GET tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /api/v1/tasks HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
    b"GET /api/v1/tasks HTTP/1.1\r\nHost: x\r\nno colon here\r\nConnection: close\r\n\r\n",
    b"GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
], ids=repr)
def test_garbage_on_the_wire_is_refused(system, garbage):
    reply = send_raw(system.port(), garbage, half_close=True)
    assert reply is None or reply.status in (400, 404, 405, 501, 505), reply


@pytest.mark.parametrize("headers, method, path", [
    ([("Expect", "100-continue")], "POST", "/api/v1/tasks"), ([("Range", "bytes=0-5")], "GET", "/api/v1/tasks"),
    ([("X-HTTP-Method-Override", "DELETE")], "GET", "{task}"), ([("If-None-Match", "x" * 3000)], "GET", "{task}"),
    ([("Accept", "text/html")], "GET", "/api/v1/tasks"), ([("Upgrade", "h2c"), ("HTTP2-Settings", "AAAA")],
                                                           "GET", "/api/v1/tasks"),
    ([("X-Accel-Redirect", "/etc/passwd")], "GET", "/api/v1/tasks"), ([("Session-Check", "1")], "GET", "/api/v1/tasks"),
], ids=str)
def test_unusual_headers_do_nothing(system, user, headers, method, path):
    task = user.new_task()
    body = b'{"title": "a"}' if method == "POST" else b""
    target = path.format(task=f"/api/v1/tasks/{task['id']}")
    received = send_raw(system.port(), http(method, target, json_headers(user) + headers, body))
    assert received.status in (100, 200, 201), received
    expect(user.get(f"/tasks/{task['id']}"), 200)


def test_an_error_shows_nothing_of_the_inside(patient):
    for reply in (patient.get("/tasks/'%20or%201=1--"), patient.post("/tasks", raw=b"{"),
                  patient.get("/tasks", params={"order_by": "title; select 1"}),
                  patient.post("/tasks", {"title": "x" * 300})):
        assert not re.search(r"(?i)swift|libpq|sqlstate|postgres|/work|/srv|\.sock|relation|syntax error at",
                             reply.text), reply.text
