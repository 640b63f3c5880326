"""Sessions: refresh families, their end, and requests without the auth pool."""

import threading
import time

import pytest

from client import Client, expect
from conftest import GRACE_SECONDS
from contract import ENDPOINTS
from soak import scenarios

AFTER_GRACE_SECONDS = GRACE_SECONDS + 0.5


def refresh(system, token):
    return Client(system.url()).post("/auth/refresh", {"refresh_token": token})


def at_once(count, action):
    """Calls `action(number)` in this many threads at the same moment; returns the results in order."""
    barrier, answers = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        answers[number] = action(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def refused_by_every_function(account, token):
    """Calls every endpoint that needs a token, and returns the error codes."""
    codes = set()
    for endpoint in ENDPOINTS.values():
        if endpoint.needs_token:
            body = {"title": "x"} if endpoint.method in ("POST", "PATCH") else None
            reply = account.call(endpoint.method, endpoint.path.format(id=account.id), json=body, token=token)
            codes.add(expect(reply, 401)["code"])
    return codes


def test_fifty_refreshes_at_once_get_one_successor_and_leave_one_session(system, user):
    replies = at_once(50, lambda _: refresh(system, user.refresh_token))
    answers = [expect(reply, 200) for reply in replies]
    successors = {answer["refresh_token"] for answer in answers}
    assert len(successors) == 1 and user.refresh_token not in successors
    for answer in answers:
        expect(user.get("/tasks", token=answer["access_token"]), 200)
    assert system.sql("user_db", "select count(*) from refresh_tokens where user_id = :'id'",
                      id=user.id) == [["1"]]
    time.sleep(AFTER_GRACE_SECONDS)
    later = expect(refresh(system, successors.pop()), 200)
    expect(user.get("/tasks", token=later["access_token"]), 200)


def test_a_lost_answer_can_be_fetched_again_while_the_successor_is_unused(system, user):
    first = expect(refresh(system, user.refresh_token), 200)["refresh_token"]
    time.sleep(AFTER_GRACE_SECONDS)
    again = expect(refresh(system, user.refresh_token), 200)["refresh_token"]
    assert again == first
    expect(refresh(system, first), 200)


def test_two_tabs_within_the_grace_period_both_go_on(system, user):
    first = expect(refresh(system, user.refresh_token), 200)["refresh_token"]
    second = expect(refresh(system, first), 200)["refresh_token"]
    expect(refresh(system, first), 200)
    expect(refresh(system, second), 200)


def test_a_reuse_after_the_grace_period_ends_the_family_for_good(system, user):
    stolen = user.refresh_token
    first = expect(refresh(system, stolen), 200)["refresh_token"]
    latest = expect(refresh(system, first), 200)
    time.sleep(AFTER_GRACE_SECONDS)
    expect(refresh(system, stolen), 401, "REFRESH_TOKEN_REUSED")
    revoked = time.monotonic()
    for token in (latest["refresh_token"], first, stolen):
        assert refresh(system, token).status_code == 401
    time.sleep(max(0, revoked + 1 - time.monotonic()))
    expect(user.get("/tasks", token=latest["access_token"]), 401, "SESSION_REVOKED")
    with_new_session = user.another_session()
    expect(refresh(system, with_new_session.refresh_token), 200)


def test_a_reuse_ends_its_own_family_only(system, user):
    second = user.another_session()
    first = expect(refresh(system, user.refresh_token), 200)["refresh_token"]
    expect(refresh(system, first), 200)
    time.sleep(AFTER_GRACE_SECONDS)
    expect(refresh(system, user.refresh_token), 401, "REFRESH_TOKEN_REUSED")
    expect(refresh(system, second.refresh_token), 200)


def test_after_a_logout_every_function_refuses_the_token_within_a_second(user):
    expect(user.get("/tasks"), 200)
    keep_warm = user.get(f"/users/{user.id}")
    expect(keep_warm, 200)
    expect(user.post("/auth/logout", {"refresh_token": user.refresh_token}), 204)
    ended = time.monotonic()
    while time.monotonic() < ended + 0.9:  # a client that keeps asking must not keep it alive
        assert user.get("/tasks").status_code in (200, 401)
        time.sleep(0.02)
    time.sleep(max(0, ended + 1 - time.monotonic()))
    assert refused_by_every_function(user, user.token) == {"SESSION_REVOKED"}


def test_a_new_password_ends_all_other_sessions_within_a_second(system, user):
    others = [user.another_session() for _ in range(2)]
    for session in others:
        expect(session.get("/tasks"), 200)
    expect(user.patch(f"/users/{user.id}", {
        "password": "a brand new one", "current_password": user.password}), 200)
    ended = time.monotonic()
    for session in others:
        assert refresh(system, session.refresh_token).status_code == 401
    time.sleep(max(0, ended + 1 - time.monotonic()))
    for session in others:
        assert refused_by_every_function(session, session.token) == {"SESSION_REVOKED"}
    expect(user.get("/tasks"), 200)
    expect(refresh(system, user.refresh_token), 200)


def test_a_logout_and_refreshes_at_once_leave_no_session(system, user):
    def act(number):
        if number == 5:
            return user.another("/auth/logout")
        return refresh(system, user.refresh_token)

    user.another = lambda path: Client(system.url()).post(path, {"refresh_token": user.refresh_token})
    replies = at_once(10, act)
    assert replies[5].status_code == 204
    time.sleep(1)
    for reply in replies[:5] + replies[6:]:
        if reply.status_code == 200:
            assert refresh(system, reply.json()["refresh_token"]).status_code == 401
            expect(user.get("/tasks", token=reply.json()["access_token"]), 401, "SESSION_REVOKED")


def test_without_the_auth_pool_the_other_functions_go_on(system, user, anyone):
    task = user.new_task()
    with system.stopped("validate-token"), system.stopped("check-session"), system.stopped("verify-token"):
        expect(anyone.post("/auth/validate", {"token": user.token}), 503, "UNAVAILABLE")
        for _ in range(5):
            started = time.monotonic()
            expect(user.get(f"/tasks/{task['id']}"), 200)
            expect(user.post("/tasks", {"title": "on my own"}), 201)
            expect(user.get(f"/users/{user.id}"), 200)
            expect(anyone.get("/tasks", token=user.token + "x"), 401, "TOKEN_INVALID")
            assert time.monotonic() - started < 1
        expect(user.another_session().get("/tasks"), 200)
    expect(anyone.post("/auth/validate", {"token": user.token}), 200)


def test_unknown_user_and_wrong_password_take_the_same_time(strict_system, strict_admin):
    # Paced, because this system limits logins to five a second.
    findings = scenarios.login_timing(strict_system, strict_admin.username, samples=40, pause=0.21)
    for finding in findings:
        assert finding.ok, finding


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
def test_a_token_in_the_query_is_not_looked_at(user, path):
    expect(user.call("POST", f"{path}?refresh_token={user.refresh_token}", json={}), 400, "INVALID_ARGUMENT")
