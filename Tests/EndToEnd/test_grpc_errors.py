"""Refusals by gRPC, read by grpcio and grpcio-status, with the same codes as by REST."""

import os
import re
import signal
import threading
import time

import grpc
import pytest
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

import http2_client
from client import PASSWORD, Client, expect
from contract import ENDPOINTS, ERROR_CODES, GRPC_STATUSES
from grpc_client import DOMAIN, REQUESTS, base64_decoded, open_channel, read, refusal
from grpc_client import auth_pb2, task_pb2, user_pb2
from system import REPOSITORY, halted
from test_sessions import at_once
from test_tokens import mint

ANY_ID = "01890000-0000-7000-8000-000000000000"
GET_TASK = task_pb2.GetTaskRequest(id=ANY_ID)
LARGE_TASK = task_pb2.CreateTaskRequest(title="x", description="x" * 1_100_000)
STATUS_NUMBERS = {status.name: status.value[0] for status in grpc.StatusCode}


def same_as_rest(refused, reply):
    """Checks that both refusals have the same code."""
    code = reply.json()["code"]
    assert refused.code == code and refused.status == GRPC_STATUSES[code], (refused, reply.text)
    assert code in ERROR_CODES[reply.status_code]


def update_of(*paths):
    return task_pb2.UpdateTaskRequest(id=ANY_ID, update_mask=field_mask_pb2.FieldMask(paths=paths))


# Refusals by functions

@pytest.mark.parametrize("text", [
    "grüße", "naïve 💥", "100 %", "%41", "%", "a\nb", "a\r\nb: c", "a\tb\x01\x7f", "日本語", "\u202e", "\""])
def test_what_a_user_sent_is_quoted_back_in_its_own_letters(services, user, text):
    refused = refusal(services(user).tasks.UpdateTask, update_of(text), "INVALID_ARGUMENT")
    assert text in refused.fields["update_mask"] and text in refused.message, refused


def test_a_message_is_plain_ascii_on_the_wire(system, user):
    reply = http2_client.call(
        system.grpc_port(), "/task.v1.TaskService/UpdateTask",
        http2_client.frame(update_of("grüße 100 %\r\n~").SerializeToString()), token=user.token)
    message = reply.trailers["grpc-message"]
    assert "gr%C3%BC%C3%9Fe 100 %25%0D%0A~" in message
    assert re.fullmatch(r"([ -$&-~]|%[0-9A-F]{2})+", message)


def test_a_long_text_is_not_quoted_at_length(services, user):
    refused = refusal(services(user).tasks.UpdateTask, update_of("ü" * 400_000), "INVALID_ARGUMENT")
    assert "üü" in refused.message and len(refused.message) < 1000


def test_every_field_that_is_wrong_is_a_violation(services, user):
    refused = refusal(services(user).tasks.CreateTask, task_pb2.CreateTaskRequest(
        priority=77, description="x" * 10_001, user_id="x"), "INVALID_ARGUMENT")
    assert refused.status == "INVALID_ARGUMENT" and not refused.metadata
    assert set(refused.fields) == {"title", "priority", "description", "user_id"}
    assert refused.fields["title"] == "is required" and "LOW, MEDIUM, HIGH, URGENT" in refused.fields["priority"]
    assert refused.message == "4 fields are invalid: description, priority, title, user_id"


def test_what_is_about_no_field_is_in_the_metadata(services, user):
    task = user.new_task(status="COMPLETED")
    refused = refusal(services(user).tasks.UpdateTask, task_pb2.UpdateTaskRequest(
        id=task["id"], status=task_pb2.CANCELLED), "INVALID_TRANSITION")
    answer = expect(user.patch(f"/tasks/{task['id']}", {"status": "CANCELLED"}), 409)
    assert refused.metadata == answer["details"] and not refused.fields


def test_grpcio_reads_the_details_as_google_defines_them(services, user):
    """The status details, spelled out once, because `read` hides them."""
    with pytest.raises(grpc.RpcError) as caught:
        services(user).tasks.CreateTask(task_pb2.CreateTaskRequest())
    status = rpc_status.from_call(caught.value)
    assert (status.code, status.message) == (3, "title is required")
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info) and status.details[1].Unpack(bad_request) and len(status.details) == 2
    assert (info.reason, info.domain, dict(info.metadata)) == ("INVALID_ARGUMENT", "task-management", {})
    [violation] = bad_request.field_violations
    assert (violation.field, violation.description) == ("title", "is required")


def test_every_code_has_a_status():
    source = (REPOSITORY / "Shared/API/Protos/contract/v1/codes.proto").read_text()
    known = set(re.findall(r"^ *([A-Z_]+) = \d+ \[", source, re.MULTILINE))
    assert known - {"URI_TOO_LONG", "HEADERS_TOO_LARGE"} == set(GRPC_STATUSES)     # these are HTTP's
    assert set(GRPC_STATUSES) <= set().union(*ERROR_CODES.values())
    assert set(GRPC_STATUSES.values()) <= set(STATUS_NUMBERS)


# Refusals by the gateway

@pytest.mark.parametrize("function", [name for name, endpoint in ENDPOINTS.items() if endpoint.needs_token])
def test_without_a_token(system, services, anyone, function):
    endpoint = ENDPOINTS[function]
    reply = anyone.call(endpoint.method, endpoint.path.format(id=ANY_ID))
    refused = refusal(services().method(endpoint.rpc), REQUESTS[endpoint.rpc](), "UNAUTHENTICATED")
    same_as_rest(refused, reply)
    assert refused.message == reply.json()["error"]


BAD_TOKENS = {
    "no token at all": ("TOKEN_INVALID", lambda system, user: "x.y.z"),
    "another signature": ("TOKEN_INVALID", lambda system, user: user.token[:-8] + "AAAAAAAA"),
    "expired": ("TOKEN_EXPIRED", lambda system, user: mint(system, user, exp=int(time.time()) - 3600)),
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_with_a_bad_token(system, services, user, kind):
    code, make = BAD_TOKENS[kind]
    user.token = make(system, user)
    refused = refusal(services(user).tasks.GetTask, GET_TASK, code)
    same_as_rest(refused, user.get(f"/tasks/{ANY_ID}"))
    assert refused.message == user.get(f"/tasks/{ANY_ID}").json()["error"]


def test_after_the_session_has_ended(services, user):
    tasks = services(user).tasks
    refusal(tasks.GetTask, GET_TASK, "TASK_NOT_FOUND")
    services().auth.Logout(auth_pb2.LogoutRequest(refresh_token=user.refresh_token))
    time.sleep(1)
    same_as_rest(refusal(tasks.GetTask, GET_TASK, "SESSION_REVOKED"), user.get(f"/tasks/{ANY_ID}"))


def test_a_method_that_is_not_there_has_no_details(system, user):
    """The answer of every gRPC server, without details, because no function was involved."""
    with open_channel(system.grpc_port(), caller=user) as channel:
        call = channel.unary_unary(
            "/task.v1.TaskService/ReadMinds", request_serializer=task_pb2.GetTaskRequest.SerializeToString,
            response_deserializer=task_pb2.Task.FromString)
        refused = refusal(call, GET_TASK)
    assert (refused.status, refused.code) == ("UNIMPLEMENTED", None) and refused.message


def test_a_message_that_is_too_large(services, user):
    refused = refusal(services(user).tasks.CreateTask, LARGE_TASK, "PAYLOAD_TOO_LARGE")
    same_as_rest(refused, user.post("/tasks", {"title": "x", "description": "x" * 1_100_000}))
    assert services(user).tasks.ListTasks(task_pb2.ListTasksRequest()).tasks == []


def test_a_message_of_one_mebibyte_is_read_and_one_byte_more_is_refused(system, user):
    def answer(size):
        message = task_pb2.UpdateTaskRequest(id=ANY_ID, description="")
        message.description = "x" * (size - message.ByteSize() - 2)
        assert message.ByteSize() == size
        return http2_client.call(system.grpc_port(), "/task.v1.TaskService/UpdateTask",
                                 http2_client.frame(message.SerializeToString()), token=user.token)
    assert answer(1 << 20).trailers["grpc-status"] == str(STATUS_NUMBERS["INVALID_ARGUMENT"])
    assert answer((1 << 20) + 1).trailers["grpc-status"] == str(STATUS_NUMBERS["RESOURCE_EXHAUSTED"])


def test_a_channel_goes_on_after_a_message_that_was_too_large(services, user):
    tasks = services(user).tasks
    for _ in range(3):
        refusal(tasks.CreateTask, LARGE_TASK, "PAYLOAD_TOO_LARGE")
        refusal(tasks.GetTask, GET_TASK, "TASK_NOT_FOUND")


@pytest.mark.parametrize("function, call", [
    ("get-task", lambda user: user.get(f"/tasks/{ANY_ID}")),
    ("create-task", lambda user: user.post("/tasks", {})),
    ("list-users", lambda user: user.get("/users"))])
def test_a_function_whose_pool_is_stopped_is_unavailable_and_the_others_go_on(system, services, user, function, call):
    one, rpc = services(user), ENDPOINTS[function].rpc
    with system.stopped(function):
        started = time.monotonic()
        refused = refusal(one.method(rpc), REQUESTS[rpc](), "UNAVAILABLE")
        assert time.monotonic() - started < 2
        same_as_rest(refused, call(user))
        one.users.GetUser(user_pb2.GetUserRequest(id=user.id))
    assert refusal(one.method(rpc), REQUESTS[rpc]()).status in ("INVALID_ARGUMENT", "PERMISSION_DENIED")


def by_both(services, user):
    """Calls get-task by REST and by gRPC at the same time; returns both answers and their times."""
    call = services(user).tasks.GetTask
    started = time.monotonic()
    reply, refused = at_once(2, lambda number: (
        refusal(call, GET_TASK) if number else Client(user.base_url, user.token).get(f"/tasks/{ANY_ID}")))
    return reply, refused, time.monotonic() - started


def test_a_worker_that_hangs_is_too_late(system, services, user):
    with halted(system.workers("get-task")):
        reply, refused, took = by_both(services, user)
    same_as_rest(refused, reply)
    assert refused.code == "DEADLINE_EXCEEDED" and took < 5


def test_a_worker_that_dies_takes_the_call_in_its_hands_with_it(system, services, user):
    one, pids = services(user), system.workers("get-task")

    def kill():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    with system.stopped("check-session"), system.postgres.paused():
        death = threading.Timer(0.5, kill)
        death.start()
        started = time.monotonic()
        answers = at_once(len(pids), lambda _: refusal(one.tasks.GetTask, GET_TASK))
        took = time.monotonic() - started
        death.join()
    assert [refused.code for refused in answers] == ["UNAVAILABLE"] * len(pids) and 0.5 <= took < 1.5
    end = time.monotonic() + 10
    while len(system.workers("get-task") - pids) < len(pids):
        assert time.monotonic() < end, "nobody took their place"
        time.sleep(0.05)
    refusal(one.tasks.GetTask, GET_TASK, "TASK_NOT_FOUND")


def test_while_postgresql_hangs_a_call_ends_within_five_seconds(system, services, user):
    with system.postgres.paused():
        reply, refused, took = by_both(services, user)
    same_as_rest(refused, reply)
    assert refused.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED") and took < 5
    refusal(services(user).tasks.GetTask, GET_TASK, "TASK_NOT_FOUND")


def test_while_postgresql_is_unavailable_a_call_is_unavailable_at_once(system, services, user):
    one = services(user)
    with system.postgres.away():
        reply, refused, took = by_both(services, user)
        same_as_rest(refused, reply)
        assert refused.code == "UNAVAILABLE" and took < 2
        refusal(services().tasks.GetTask, GET_TASK, "TOKEN_INVALID", metadata=[("authorization", "Bearer x.y.z")])
    refusal(one.tasks.GetTask, GET_TASK, "TASK_NOT_FOUND")


# Limits

FLOODS = {
    "login": (60, lambda one: one.auth.Login, auth_pb2.LoginRequest(username="nobody-here", password="what")),
    "create-user": (60, lambda one: one.users.CreateUser, user_pb2.CreateUserRequest(
        username="nobody", email="nobody@example.com", password=PASSWORD)),
    "refresh-token": (240, lambda one: one.auth.RefreshToken, auth_pb2.RefreshTokenRequest(refresh_token="A" * 43)),
    "update-user": (60, lambda one: one.users.UpdateUser, user_pb2.UpdateUserRequest(id=ANY_ID, full_name="x")),
    "health": (120, lambda one: one.health.Check, health_pb2.HealthCheckRequest(service="none.of.them")),
    "requests": (1500, lambda one: one.tasks.GetTask, GET_TASK),
}


def flood(call, request, count):
    """Makes this many calls, 32 at a time; returns the errors of those that failed."""
    errors, waiting = [], []
    for _ in range(count):
        waiting.append(call.future(request))
        if len(waiting) == 32:
            errors.append(waiting.pop(0).exception())
    errors += [future.exception() for future in waiting]
    return [error for error in errors if error]


@pytest.mark.parametrize("limit", FLOODS)
def test_a_flood_is_limited_and_the_limit_is_named(strict_system, strict_admin, services, limit):
    count, method, request = FLOODS[limit]
    greedy = strict_admin.another_session()
    call = method(services(greedy, of=strict_system))
    errors = flood(call, request, count)
    limited = [error for error in errors if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert 0 < len(limited) < count
    refused = read(limited[0])
    assert refused.code == "RATE_LIMITED" and refused.headers["x-request-id"]
    assert limit in refused.message or refused.metadata.get("limit") == limit, refused
    assert not {error.code() for error in errors} & {
        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}
    expect(strict_admin.get("/tasks"), 200)
    time.sleep(1)
    with pytest.raises(grpc.RpcError) as later:
        call(request)
    assert later.value.code() != grpc.StatusCode.RESOURCE_EXHAUSTED


def test_both_ways_share_one_limit(strict_system, services):
    body = {"username": "nobody-here", "password": "what"}
    replies = at_once(40, lambda _: Client(strict_system.url()).post("/auth/login", body))
    limited = [reply for reply in replies if reply.status_code == 429]
    assert limited
    # The limit recovers by one call every 200 ms, so that one of the next calls may pass; a separate limit
    # would let all of them pass.
    errors = flood(services(of=strict_system).auth.Login, auth_pb2.LoginRequest(**body), 10)
    refused = [error for error in map(read, errors) if error.code == "RATE_LIMITED"]
    assert refused
    same_as_rest(refused[0], limited[0])
    time.sleep(2)       # for the tests that follow


# Every refusal

TO_THE_GATEWAY = {
    "the function's own": lambda call, user: call(_get_task(), token=user.token),
    "no token": lambda call, user: call(_get_task()),
    "no such method": lambda call, user: call(_get_task(), path="/task.v1.TaskService/None", token=user.token),
    "too large": lambda call, user: call(b"\0" * 1_100_000, token=user.token),
    "a doubtful length": lambda call, user: call(_get_task(), headers={"content-length": "3"}, token=user.token),
    "no gRPC": lambda call, user: call(_get_task(), content_type="text/plain", token=user.token),
}


def _get_task():
    return http2_client.frame(GET_TASK.SerializeToString())


@pytest.fixture
def refused_on_the_wire(system, user, request):
    def call(body, path="/task.v1.TaskService/GetTask", **more):
        headers = {"x-request-id": "my-own-id", **more.pop("headers", {})}
        return http2_client.call(system.grpc_port(), path, body, headers=headers, **more)
    return TO_THE_GATEWAY[request.param](call, user)


@pytest.mark.parametrize("refused_on_the_wire", TO_THE_GATEWAY, indirect=True)
def test_every_refusal_has_the_request_id(refused_on_the_wire):
    assert refused_on_the_wire.headers.get("x-request-id") == "my-own-id", refused_on_the_wire


@pytest.mark.parametrize(
    "refused_on_the_wire", [kind for kind in TO_THE_GATEWAY if kind != "no gRPC"], indirect=True)
def test_every_refusal_has_its_status_in_the_trailers_alone(refused_on_the_wire):
    headers, body, trailers = refused_on_the_wire
    assert headers[":status"] == "200" and headers["content-type"] == "application/grpc" and body == b""
    assert not [name for name in headers if name.startswith(("grpc-status", "grpc-message", "x-"))
                and name != "x-request-id"], headers
    assert int(trailers["grpc-status"]) in range(1, 17) and trailers["grpc-message"]
    assert sum(len(name) + len(value) + 32 for name, value in trailers.items()) < 8192


# The texts in nginx's files

NGINX = REPOSITORY / "nginx"
CONSTANT = re.compile(r"\bC[A-Za-z0-9+/]{60,}=*")


def locations(file):
    """Returns the lines of each location by its name; those of a nested location belong to that alone."""
    found, name = {}, None
    for line in (NGINX / file).read_text().splitlines():
        if begin := re.match(r" *location (?:= )?(\S+) \{$", line):
            name = begin.group(1)
        elif line.strip() == "}":
            name = None
        elif name:
            found[name] = found.get(name, "") + line + "\n"
    return found


def decode(constant):
    status, info = status_pb2.Status(), error_details_pb2.ErrorInfo()
    status.ParseFromString(base64_decoded(constant))
    [detail] = status.details
    assert detail.Unpack(info) and info.domain == DOMAIN
    assert STATUS_NUMBERS[GRPC_STATUSES[info.reason]] == status.code
    return status, info.reason


GRPC_ERRORS, REST_ERRORS = locations("grpc-errors.conf"), locations("rest-errors.conf")
TEXTS = (NGINX / "generated/texts.conf").read_text()
#: The values of nginx's variables.
CONSTANTS = dict(re.findall(r'^map "" \$(\w+) \{ default "?([^;"]+)"?; \}$', TEXTS, re.MULTILINE))
WITH_DETAILS = [name for name, body in GRPC_ERRORS.items() if "$details_" in body]


@pytest.mark.parametrize("place", WITH_DETAILS)
def test_an_answer_says_the_same_as_its_details(place):
    body = GRPC_ERRORS[place]
    status, reason = decode(CONSTANTS[re.search(r"\$(details_\w+)", body).group(1)])
    assert status.code == int(re.search(r"grpc-status +(\d+)", body).group(1))
    assert f'"code":"{reason}"' in REST_ERRORS[place]
    message = CONSTANTS[re.search(r"grpc-message +\$(\w+)", body).group(1)]
    assert status.message == message, "grpcio refuses details with another message than the one beside them"
    assert f'"error":"$text_{reason.lower()}"' in REST_ERRORS[place]


def table(source, variable):
    """Returns the lines of a map by their first words."""
    lines = re.search(rf"map \${source} \${variable} \{{\n(.*?)\n\}}", TEXTS, re.DOTALL).group(1)
    return dict(re.findall(r'^ +(\S+) +"?([^;"]+)"?;', lines, re.MULTILINE))


def test_the_details_of_the_session_check_say_what_is_said_in_words():
    texts, details = table("refusal_code", "refusal_text"), table("refusal_code", "refusal_details")
    assert set(texts) == set(details) and len(texts) == 4
    for code, constant in details.items():
        status, reason = decode(constant)
        assert (reason, status.message) == ("UNAUTHENTICATED" if code == "default" else code, texts[code])


def test_the_details_of_a_limit_name_it():
    details = table("limit_name", "limited_details")
    assert {"default", "login", "create-user", "refresh-token"} <= set(details)
    for name, constant in details.items():
        status, reason = decode(constant)
        assert (reason, status.message) == ("RATE_LIMITED", CONSTANTS["text_rate_limited"])
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        assert dict(info.metadata) == {"limit": "requests" if name == "default" else name}


def test_every_constant_is_a_status_with_a_code_of_ours():
    constants = CONSTANT.findall(TEXTS)
    assert len(constants) > 10
    for constant in constants:
        decode(constant)


def test_no_details_are_missing():
    """Codes that a function may give too have the same details when the gateway gives them."""
    assert len(WITH_DETAILS) >= 3
    for place in ("/_error/too-large", "@refused", "@limited", "@unavailable", "@too-late"):
        assert "grpc-status-details-bin" in GRPC_ERRORS[place], place
