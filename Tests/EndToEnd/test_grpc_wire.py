"""gRPC calls on the wire: hand-made frames over HTTP/2, by the package h2."""

import gzip
import socket
import time

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

import http2_client
from client import send_raw
from grpc_client import base64_decoded, open_channel, refusal, task_pb2, task_pb2_grpc, user_pb2
from http2_client import frame

GET_TASK = "/task.v1.TaskService/GetTask"
LIST_TASKS = "/task.v1.TaskService/ListTasks"


@pytest.fixture
def task(user):
    return user.new_task("on the wire")


@pytest.fixture
def message(task):
    return task_pb2.GetTaskRequest(id=task["id"]).SerializeToString()


@pytest.fixture
def call(system, user):
    """Sends a body to GetTask as the user."""
    def send(body, path=GET_TASK, **more):
        return http2_client.call(system.grpc_port(), path, body, token=user.token, **more)
    return send


def said(reply):
    """The status and the code in the trailers."""
    assert reply.status == 200 and reply.headers["content-type"] == "application/grpc", reply
    assert not reply.body, reply
    status, info = status_pb2.Status(), error_details_pb2.ErrorInfo()
    status.ParseFromString(base64_decoded(reply.trailers["grpc-status-details-bin"]))
    status.details[0].Unpack(info)
    number = int(reply.trailers["grpc-status"])
    assert status.code == number
    return next(code.name for code in grpc.StatusCode if code.value[0] == number), info.reason


# The shape

def test_an_answer_is_headers_then_messages_then_trailers(call, message, task):
    reply = call(frame(message))
    assert reply.status == 200 and reply.headers["content-type"] == "application/grpc"
    assert not [name for name in reply.headers if name.startswith("grpc-status") or name.startswith("grpc-message")]
    assert reply.trailers == {"grpc-status": "0"}
    flag, length = reply.body[0], int.from_bytes(reply.body[1:5], "big")
    assert flag == 0 and length == len(reply.body) - 5
    assert task_pb2.Task.FromString(reply.body[5:]).id == task["id"]


def test_what_the_gateway_and_its_functions_say_among_themselves_stays_there(call, message):
    for reply in (call(frame(message)), call(frame(b"")), call(frame(message), path="/none")):
        names = [*reply.headers, *reply.trailers]
        assert not [name for name in names if name.startswith("x-") and name != "x-request-id"], names
        assert not [name for name in names if name in ("status", "location", "etag", "retry-after")], names


def test_a_large_answer_comes_whole(system, user, call):
    for number in range(100):
        user.new_task(str(number), description="ü" * 4000)
    reply = call(frame(task_pb2.ListTasksRequest(page_size=100).SerializeToString()), path=LIST_TASKS)
    assert len(reply.body) > 800_000 and len(reply.body) == 5 + int.from_bytes(reply.body[1:5], "big")
    tasks = task_pb2.ListTasksResponse.FromString(reply.body[5:]).tasks
    assert [task.title for task in tasks] == [str(number) for number in range(99, -1, -1)]
    assert reply.trailers == {"grpc-status": "0"}


@pytest.mark.parametrize("content_type", [
    "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "Application/gRPC"])
def test_protobuf_by_any_of_its_names_is_accepted(call, message, content_type):
    reply = call(frame(message), content_type=content_type)
    assert reply.trailers == {"grpc-status": "0"} and reply.headers["content-type"] == "application/grpc"


@pytest.mark.parametrize("content_type", [
    None, "", "application/json", "application/grpc+json", "application/grpc-web", "application/grpc-web+proto",
    "application/grpcx", "text/plain", "application/protobuf"])
def test_another_content_type_is_refused(call, message, content_type):
    reply = call(frame(message), content_type=content_type)
    assert reply.status == 415 and reply.trailers is None and "grpc-status" not in reply.headers


# Frames

@pytest.mark.parametrize("spoil", [
    lambda message: frame(message, flag=2), lambda message: frame(message, flag=255),
    lambda message: frame(message)[:1], lambda message: frame(message)[:4],
    lambda message: frame(message)[:5], lambda message: frame(message)[:-1],
    lambda message: frame(message, length=len(message) + 1), lambda message: frame(message, length=1 << 20),
    lambda message: frame(message) + b"\0", lambda message: frame(message, length=len(message) - 1),
    lambda message: frame(message) * 2, lambda message: frame(message) + frame(b""),
    lambda message: b"",
    lambda message: frame(b"\xff\xff\xff"), lambda message: frame(b"\x0a\x05abc"),
    lambda message: frame(b"\x0a\x02\xff\xfe"), lambda message: frame(b"\x0b"), lambda message: frame(b'{"id": "x"}'),
], ids=["flag 2", "flag 255", "a prefix of 1 byte", "a prefix of 4 bytes", "no message behind the prefix",
        "a byte too few", "a length too long", "a length much too long", "a byte too many", "a length too short",
        "two messages", "a second, empty message", "no message", "no protobuf", "a field cut short",
        "text that is no UTF-8", "a group that never ends", "JSON"])
def test_a_malformed_message_is_called_so(call, message, spoil):
    assert said(call(spoil(message))) == ("INTERNAL", "MALFORMED_MESSAGE")


@pytest.mark.parametrize("length", [(1 << 20) + 1, 1 << 31, (1 << 32) - 1])
def test_a_length_beyond_what_is_allowed_is_too_large(call, message, length):
    assert said(call(frame(message, length=length))) == ("RESOURCE_EXHAUSTED", "PAYLOAD_TOO_LARGE")


def test_an_empty_message_is_a_message(call):
    assert said(call(frame(b""))) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert call(frame(b""), path=LIST_TASKS).trailers == {"grpc-status": "0"}


def test_fields_that_nobody_knows_are_skipped(call, message, task):
    reply = call(frame(message + b"\xfa\x3f\x03abc" + b"\xf8\x3f\x01"))
    assert task_pb2.Task.FromString(reply.body[5:]).id == task["id"]


def test_the_last_of_a_repeated_field_counts(call, message, task):
    reply = call(frame(task_pb2.GetTaskRequest(id="x").SerializeToString() + message))
    assert task_pb2.Task.FromString(reply.body[5:]).id == task["id"]


# Compression

def test_a_compressed_message_is_refused_and_told_what_is_understood(call, message):
    reply = call(frame(gzip.compress(message), flag=1), headers={"grpc-encoding": "gzip"})
    assert said(reply) == ("UNIMPLEMENTED", "UNSUPPORTED_ENCODING")
    assert reply.headers["grpc-accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", [None, "identity"])
def test_a_compressed_message_of_no_encoding_is_malformed(call, message, encoding):
    reply = call(frame(gzip.compress(message), flag=1), headers={"grpc-encoding": encoding})
    assert said(reply) == ("INTERNAL", "MALFORMED_MESSAGE")


@pytest.mark.parametrize("encoding", ["gzip", "identity", "zstd"])
def test_an_encoding_without_a_compressed_message_does_no_harm(call, message, encoding):
    reply = call(frame(message), headers={"grpc-encoding": encoding, "grpc-accept-encoding": "gzip, identity"})
    assert reply.trailers == {"grpc-status": "0"} and "grpc-encoding" not in reply.headers


def test_grpcio_with_compression_is_told_so(services, user):
    """grpcio compresses only messages that become smaller by it, so this one is long."""
    tasks = services(user).tasks
    long = task_pb2.CreateTaskRequest(title="x", description="x" * 9000)
    refused = refusal(tasks.CreateTask, long, "UNSUPPORTED_ENCODING", compression=grpc.Compression.Gzip)
    assert "gzip" in refused.message
    assert tasks.CreateTask(long).description == "x" * 9000
    assert len(tasks.ListTasks(task_pb2.ListTasksRequest()).tasks) == 1


def test_a_channel_with_compression_still_sends_short_messages(system, user, task):
    with open_channel(system.grpc_port(), caller=user, compression=grpc.Compression.Gzip) as channel:
        found = task_pb2_grpc.TaskServiceStub(channel).GetTask(task_pb2.GetTaskRequest(id=task["id"]))
    assert found.title == "on the wire"


# Clients that do not speak HTTP/2

@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"POST /task.v1.TaskService/GetTask HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\n"
    b"Content-Length: 5\r\nConnection: close\r\n\r\n\0\0\0\0\0"])
def test_http_1_is_turned_away_at_once(system, data):
    with socket.create_connection(("127.0.0.1", system.grpc_port()), timeout=5) as line:
        line.sendall(data)
        started, received = time.monotonic(), b""
        while chunk := line.recv(65536):
            received += chunk
    assert time.monotonic() - started < 2
    # Instead of an answer, it sends frames: SETTINGS and GOAWAY.
    assert received and not received.startswith(b"HTTP/1"), received


def test_http_2_is_turned_away_from_a_rest_port(system):
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    reply = send_raw(system.port(), preface)
    assert reply is None or reply.status in (400, 405, 505)


def test_a_call_that_is_never_sent_whole_is_ended(system, user, message):
    started = time.monotonic()
    with pytest.raises((AssertionError, ConnectionError)):
        http2_client.call(system.grpc_port(), GET_TASK, frame(message), token=user.token, keep_open=True,
                          timeout_seconds=8)
    assert 4 < time.monotonic() - started < 7


def test_many_calls_share_one_connection(services, user):
    """All are sent before the first is answered."""
    tasks = services(user).tasks
    made = [user.new_task(str(number))["id"] for number in range(8)]
    futures = [tasks.GetTask.future(task_pb2.GetTaskRequest(id=made[number % 8])) for number in range(200)]
    assert [future.result().title for future in futures] == [str(number % 8) for number in range(200)]


def test_calls_of_several_services_share_one_connection(services, user):
    one = services(user)
    futures = [call.future(request) for _ in range(20) for call, request in (
        (one.tasks.ListTasks, task_pb2.ListTasksRequest()), (one.users.GetUser, user_pb2.GetUserRequest(id=user.id)))]
    assert {future.result().DESCRIPTOR.name for future in futures} == {"ListTasksResponse", "User"}
