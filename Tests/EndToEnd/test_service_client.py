"""Calls between services: whether a user exists, and what happens without an answer."""

import time
import uuid

import pytest

from client import Client, expect
from system import halted

NOBODY = "00000000-0000-7000-8000-000000000000"
PAUSE_SECONDS = 2


@pytest.fixture
def closed_circuit(system):
    """A closed circuit, before and after."""
    system.close_circuits()
    yield
    time.sleep(PAUSE_SECONDS)
    system.close_circuits()


def for_somebody(admin, user_id, **more):
    return admin.post("/tasks", {"title": "for somebody", "user_id": user_id}, **more)


def timed(call):
    start = time.monotonic()
    return call(), time.monotonic() - start


def test_an_admin_creates_tasks_for_those_who_exist(system, admin, user, closed_circuit):
    assert expect(for_somebody(admin, user.id), 201)["user_id"] == user.id
    expect(for_somebody(admin, NOBODY), 404, "USER_NOT_FOUND")
    assert system.sql("task_db", "SELECT count(*) FROM tasks WHERE user_id = :'id'", id=NOBODY) == [["0"]]


def test_an_admin_lists_the_tasks_of_those_who_exist(admin, user, closed_circuit):
    user.new_task("mine")
    assert len(expect(admin.get(f"/users/{user.id}/tasks"), 200)["tasks"]) == 1
    expect(admin.get(f"/users/{NOBODY}/tasks"), 404, "USER_NOT_FOUND")


def test_the_question_belongs_to_the_request_and_comes_from_a_service(system, admin, user, closed_circuit):
    name, trace = f"asked-{uuid.uuid4()}", "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-Id": name, "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    expect(for_somebody(admin, user.id, headers=headers), 201)
    question = system.log_entry("get-user", name)
    assert question["rpc"] == "user.v1.UserService/GetUser"
    assert question["trace_id"] == trace
    assert question["user_id"] not in (admin.id, user.id)


def test_while_the_user_service_is_down_tasks_are_accepted_all_the_same(system, admin, user, closed_circuit):
    with system.stopped("get-user"):
        for _ in range(8):
            reply, seconds = timed(lambda: for_somebody(admin, NOBODY))
            expect(reply, 201)
            assert seconds < 0.6
        assert expect(admin.get(f"/users/{NOBODY}/tasks"), 200)["tasks"]
        warnings = [entry for entry in system.log_entries("create-task") if entry["level"] == "warning"]
        assert "User service" in warnings[-1]["message"]
        assert "circuit is open" in warnings[-1]["message"]
    time.sleep(PAUSE_SECONDS + 0.2)
    expect(for_somebody(admin, NOBODY), 404, "USER_NOT_FOUND")


def test_a_user_service_that_hangs_costs_a_moment_and_then_nothing(system, admin, closed_circuit):
    with halted(system.workers("get-user")):
        slow = [timed(lambda: for_somebody(admin, NOBODY)) for _ in range(5)]
        quick = [timed(lambda: for_somebody(admin, NOBODY)) for _ in range(5)]
    for reply, seconds in slow + quick:
        expect(reply, 201)
        assert seconds < 0.9
    assert sorted(seconds for _, seconds in quick)[2] < 0.1, "the open circuit does not keep calls away"


def test_all_processes_of_the_host_know_that_the_circuit_is_open(system, admin, closed_circuit):
    with system.stopped("get-user"):
        for _ in range(5):
            expect(for_somebody(admin, NOBODY), 201)
        # list-user-tasks has not called before.
        expect(admin.get(f"/users/{NOBODY}/tasks"), 200)
        warnings = [entry for entry in system.log_entries("list-user-tasks") if entry["level"] == "warning"]
        assert "circuit is open" in warnings[-1]["message"]


def test_an_ordinary_user_causes_no_question(system, user, closed_circuit):
    name = f"own-{uuid.uuid4()}"
    expect(user.post("/tasks", {"title": "mine"}, headers={"X-Request-Id": name}), 201)
    system.log_entry("create-task", name)
    assert not [entry for entry in system.log_entries("get-user") if entry.get("request_id") == name]


def test_a_made_up_service_token_opens_nothing(system):
    stranger = Client(system.url(), "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiU0VSVklDRSJ9.")
    expect(stranger.get("/users"), 401, "TOKEN_INVALID")
