"""`grpc-timeout`: a call is worked on only for as long as its caller waits."""

import random
import secrets
import threading
import time

import grpc
import pytest

import http2_client
from grpc_client import Services, base64_decoded, refusal, task_pb2
from http2_client import frame
from system import halted
from test_sessions import at_once

ANY_ID = "01890000-0000-7000-8000-000000000000"
GET_TASK = "/task.v1.TaskService/GetTask"
CREATE_TASK = "/task.v1.TaskService/CreateTask"
TOO_LATE = str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
#: A function's time limit for calls without a timeout, in milliseconds (REQUEST_DEADLINE_MS).
USUAL_MS = 3700


def new_id():
    return f"late-{secrets.token_hex(8)}"


@pytest.fixture
def call(system, user):
    """Sends a call with a timeout, and waits until it is answered, however long that takes."""
    def send(timeout, path=GET_TASK, request=task_pb2.GetTaskRequest(id=ANY_ID), request_id=None):
        started = time.monotonic()
        reply = http2_client.call(
            system.grpc_port(), path, frame(request.SerializeToString()), token=user.token,
            headers={"grpc-timeout": timeout, "x-request-id": request_id or new_id()})
        return reply.trailers, time.monotonic() - started
    return send


@pytest.fixture
def hanging(system, user):
    """PostgreSQL is stopped (SIGSTOP) after the user has signed in.

    The session check is off too, so a call goes straight to its function.
    """
    with system.stopped("check-session"), system.postgres.paused():
        yield


def titles(system, user):
    """Reads the titles of a user's tasks from the database."""
    return [title for [title] in system.sql(
        "task_db", "select title from tasks where user_id = :'id'", id=user.id)]


def test_a_call_ends_when_its_caller_stops_waiting(system, hanging, call):
    sent = new_id()
    trailers, took = call("500m", request_id=sent)
    assert trailers["grpc-status"] == TOO_LATE and 0.4 < took < 1
    assert b"DEADLINE_EXCEEDED" in base64_decoded(trailers["grpc-status-details-bin"])
    entry = system.log_entry("get-task", sent)
    assert entry["grpc_status"] == int(TOO_LATE) and entry["error"] == "DEADLINE_EXCEEDED"
    assert 400 < entry["duration_ms"] < 1000


def test_a_worker_is_free_when_its_caller_has_gone(system, hanging, services, user):
    """More calls than workers, one after the other: grpcio gives up each after half a second."""
    tasks, sent = services(user).tasks, [new_id() for _ in range(6)]
    for request_id in sent:
        started = time.monotonic()
        refused = refusal(tasks.GetTask, task_pb2.GetTaskRequest(id=ANY_ID), timeout=0.5,
                          metadata=[("x-request-id", request_id)])
        assert refused.status == "DEADLINE_EXCEEDED" and 0.4 < time.monotonic() - started < 0.8
    entries = [system.log_entry("get-task", request_id) for request_id in sent]
    assert {entry["grpc_status"] for entry in entries} == {int(TOO_LATE)}
    assert max(entry["duration_ms"] for entry in entries) < 1000, entries


def test_a_queue_of_calls_that_are_too_late_is_worked_off_at_once(system, hanging, call):
    """Twenty at once for two workers: calls that have timed out are not worked on when their turn comes."""
    sent = [new_id() for _ in range(20)]
    started = time.monotonic()
    answers = at_once(20, lambda number: call("500m", request_id=sent[number]))
    assert time.monotonic() - started < 1.5
    assert {trailers["grpc-status"] for trailers, _ in answers} == {TOO_LATE}
    durations = sorted(system.log_entry("get-task", request_id)["duration_ms"] for request_id in sent)
    assert durations[-3] < 50 < durations[-1] < 1000, durations


def test_a_patient_caller_waits_no_longer_than_everybody(system, hanging, call):
    trailers, took = call("1M")
    assert trailers["grpc-status"] == TOO_LATE and USUAL_MS / 1000 - 0.2 < took < 5


@pytest.mark.parametrize("timeout", ["1H", "1M", "5S", "5000m", "5000000u", "99999999n", "99999999H", "00000005S"])
def test_a_timeout_in_any_unit_is_accepted(call, timeout):
    trailers, _ = call(timeout)
    assert trailers["grpc-status"] == str(grpc.StatusCode.NOT_FOUND.value[0]), trailers


@pytest.mark.parametrize("timeout", ["0S", "0n", "1n", "999n", "00000000m"])
def test_a_timeout_of_nothing_has_passed(system, user, call, timeout):
    trailers, took = call(timeout, CREATE_TASK, task_pb2.CreateTaskRequest(title="too late"))
    assert trailers["grpc-status"] == TOO_LATE and took < 1
    assert titles(system, user) == []


@pytest.mark.parametrize("timeout", [
    "1", "S", "1s", "1h", "-1S", "+1S", "1.5S", "1 S", "123456789S", "1SS", "x", "1e3m", "½S", "0x1S", "١S"])
def test_an_invalid_timeout_is_refused(system, user, call, timeout):
    trailers, _ = call(timeout, CREATE_TASK, task_pb2.CreateTaskRequest(title="malformed"))
    assert trailers["grpc-status"] == str(grpc.StatusCode.INVALID_ARGUMENT.value[0]), trailers
    assert b"grpc-timeout" in base64_decoded(trailers["grpc-status-details-bin"])
    assert titles(system, user) == []


@pytest.mark.parametrize("stays", [True, False], ids=["the caller stays", "the caller leaves"])
def test_a_call_that_is_too_late_when_its_turn_comes_does_nothing(system, services, user, call, stays):
    """The workers are stopped until every caller has given up; then they find the calls in their queue."""
    tasks, sent = services(user).tasks, [new_id() for _ in range(12)]

    def create(number):
        request = task_pb2.CreateTaskRequest(title=sent[number])
        if stays:
            return call("300m", CREATE_TASK, request, sent[number])[0]["grpc-status"]
        refused = refusal(tasks.CreateTask, request, timeout=0.3, metadata=[("x-request-id", sent[number])])
        return str(grpc.StatusCode[refused.status].value[0])

    answers = []
    waiting = threading.Thread(target=lambda: answers.extend(at_once(12, create)))
    with halted(system.workers("create-task")):
        waiting.start()
        time.sleep(0.7)
    waiting.join()
    assert answers == [TOO_LATE] * 12
    # A worker does not even begin if it sees that the caller has given up.
    entries = [system.log_entry("create-task", request_id) for request_id in sent] if stays else [
        entry for entry in system.log_entries("create-task") if entry["request_id"] in sent]
    for entry in entries:
        assert entry["error"] == "DEADLINE_EXCEEDED" and entry["duration_ms"] < 50, entry
    created = tasks.CreateTask(task_pb2.CreateTaskRequest(title="the last in the queue"))
    assert titles(system, user) == [created.title]


def test_what_was_done_in_time_was_done_and_what_was_too_late_was_not(system, user):
    """Many callers with short timeouts: each task that exists belongs to a call that began in time."""
    outcomes, lock = {}, threading.Lock()

    def hurry(_):
        with Services(system, user.token) as services:
            for _ in range(40):
                sent = new_id()
                try:
                    services.tasks.CreateTask(
                        task_pb2.CreateTaskRequest(title=sent), metadata=[("x-request-id", sent)],
                        timeout=random.choice([0.001, 0.003, 0.01, 0.03, 5]))
                    outcome = "OK"
                except grpc.RpcError as error:
                    outcome = error.code().name
                with lock:
                    outcomes[sent] = outcome

    at_once(16, hurry)
    time.sleep(0.5)
    made = titles(system, user)
    began = {entry["request_id"]: entry for entry in system.log_entries("create-task")
             if entry.get("request_id") in outcomes}
    never = {sent for sent, entry in began.items() if "before its turn" in entry.get("cause", "")}
    succeeded = {sent for sent, outcome in outcomes.items() if outcome == "OK"}
    done = {sent for sent, entry in began.items() if entry["grpc_status"] == 0}
    assert set(outcomes.values()) == {"OK", "DEADLINE_EXCEEDED"}
    assert len(made) == len(set(made)) and succeeded <= done <= set(made) <= set(began) - never
    assert made and len(made) < len(outcomes), "nobody, or everybody, was too late: this has shown nothing"


def test_a_deadline_covers_the_session_check_too(system, services, user):
    """The function is told how much of the time has already passed."""
    with system.postgres.paused():
        started = time.monotonic()
        refused = refusal(services(user).tasks.GetTask, task_pb2.GetTaskRequest(id=ANY_ID), timeout=1.2)
        assert refused.status == "DEADLINE_EXCEEDED" and time.monotonic() - started < 1.5
        sent = new_id()
        reply = http2_client.call(
            system.grpc_port(), GET_TASK, frame(task_pb2.GetTaskRequest(id=ANY_ID).SerializeToString()),
            token=user.token, headers={"grpc-timeout": "1200m", "x-request-id": sent})
        assert reply.trailers["grpc-status"] == TOO_LATE
    assert system.log_entry("get-task", sent)["duration_ms"] < 1250
