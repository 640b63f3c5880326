"""Reflection's streams: a client that asks too much, reads nothing or sends nothing does not affect others."""

import contextlib
import queue
import socket
import struct
import time

import grpc
import h2.config
import h2.connection
import h2.settings
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import http2_client
from client import sign_up
from grpc_client import base64_decoded, open_channel
from http2_client import frame

PATH = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
MOST_QUESTIONS = 100
LONG_QUESTION = frame(reflection_pb2.ServerReflectionRequest(file_by_filename="task/v1/task.proto").SerializeToString())
HEADERS = [(":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", "x"),
           ("content-type", "application/grpc"), ("te", "trailers")]


def seconds_for_an_answer(system):
    """Measures how long another client waits for the list of services."""
    channel = open_channel(system.grpc_port())
    start = time.monotonic()
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    [answer] = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=10)
    assert len(answer.list_services_response.service) == 6
    channel.close()
    return time.monotonic() - start


@contextlib.contextmanager
def open_streams(system, count, body=b"", window=None):
    """Opens this many calls on one connection, none of which its client ends."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration())
    with socket.create_connection(("127.0.0.1", system.grpc_port()), timeout=5) as line:
        connection.initiate_connection()
        if window is not None:
            connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        for _ in range(count):
            stream = connection.get_next_available_stream_id()
            connection.send_headers(stream, HEADERS)
            if body:
                connection.send_data(stream, body)
        line.sendall(connection.data_to_send())
        time.sleep(0.5)
        yield


def ask(system, body, keep_open=False):
    return http2_client.call(system.grpc_port(), PATH, body, keep_open=keep_open)


def test_who_does_not_read_the_answers_holds_nobody_up(system):
    with open_streams(system, 10, LONG_QUESTION * 60, window=0):
        assert seconds_for_an_answer(system) < 1


def test_who_says_nothing_holds_nobody_up(system):
    with open_streams(system, 120):
        assert seconds_for_an_answer(system) < 1


def test_a_call_has_so_many_questions_and_no_more(system):
    reply = ask(system, LONG_QUESTION * MOST_QUESTIONS)
    assert reply.trailers["grpc-status"] == "0"
    answers = len(reply.body)
    reply = ask(system, LONG_QUESTION * (MOST_QUESTIONS + 1))
    assert reply.trailers["grpc-status"] == "8"
    assert len(reply.body) == answers, "what was asked before the limit is answered"


def test_a_message_that_is_too_large_is_refused_before_it_has_come(system):
    reply = ask(system, struct.pack(">BI", 0, 2**32 - 1) + b"x" * 100, keep_open=True)
    assert reply.trailers["grpc-status"] == "8"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_only_a_post_is_a_call(system, method):
    reply = http2_client.call(system.grpc_port(), PATH, method=method)
    assert reply.trailers["grpc-status"] == "12"


def test_a_worker_that_is_replaced_says_so_to_those_who_wait(system):
    channel, questions = open_channel(system.grpc_port()), queue.Queue()
    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter(questions.get, None), timeout=20)
    questions.put(reflection_pb2.ServerReflectionRequest(list_services=""))
    next(call)
    system.script("restart-pool", "reflect-server")
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "being replaced" in caught.value.details()
    questions.put(None)
    channel.close()
    assert seconds_for_an_answer(system) < 1


def test_a_call_has_one_line_in_the_log_however_much_it_asks(system):
    name = f"asks-{time.monotonic_ns()}"
    http2_client.call(system.grpc_port(), PATH, LONG_QUESTION * 30, headers={"x-request-id": name})
    system.log_entry("reflect-server", name)


def test_an_address_has_so_many_calls_open_and_no_more(strict_system):
    with open_streams(strict_system, 20):
        reply = ask(strict_system, LONG_QUESTION)
        assert reply.trailers["grpc-status"] == "8"
        assert b"reflect" in base64_decoded(reply.trailers["grpc-status-details-bin"])
    time.sleep(1)
    assert ask(strict_system, LONG_QUESTION).trailers["grpc-status"] == "0"


def test_a_damaged_breaker_costs_nobody_a_request(system, admin):
    """The 16 bytes would make careless arithmetic overflow, and so end the process."""
    somebody = sign_up(system.url())
    path = system.state_dir / "breakers" / "user"
    for failures, until in ((5, -2**63), (2**63 - 1, 2**63 - 1), (-1, 0)):
        with open(path, "r+b") as file:
            file.write(struct.pack("<qq", failures, until))
        for _ in range(3):
            reply = admin.post("/tasks", {"title": "for somebody", "user_id": somebody.id})
            assert reply.status_code == 201
