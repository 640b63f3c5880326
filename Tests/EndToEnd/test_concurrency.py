"""Concurrent changes: one wins, and the other learns of it."""

import secrets
from collections import Counter

import pytest

from client import PASSWORD, Client, expect
from test_sessions import at_once

ROUNDS = 30


def test_of_two_updates_with_one_version_one_wins_and_one_gets_412(system, user):
    clients = [Client(system.url(), user.token) for _ in range(2)]
    path = f"/tasks/{user.new_task()['id']}"
    for version in range(1, ROUNDS + 1):
        replies = at_once(2, lambda number: clients[number].patch(
            path, {"title": f"{version} by {number}"}, headers={"If-Match": f'"{version}"'}))
        assert sorted(reply.status_code for reply in replies) == [200, 412]
        winner = 0 if replies[0].status_code == 200 else 1
        task = expect(user.get(path), 200)
        assert task["title"] == f"{version} by {winner}" and task["version"] == version + 1


def test_no_update_without_a_version_is_lost(system, user):
    clients = [Client(system.url(), user.token) for _ in range(8)]
    path = f"/tasks/{user.new_task()['id']}"
    replies = at_once(8, lambda number: clients[number].patch(path, {"description": str(number)}))
    versions = sorted(expect(reply, 200)["version"] for reply in replies)
    assert versions == list(range(2, 10))


@pytest.mark.parametrize("field, code", [("username", "USERNAME_TAKEN"), ("email", "EMAIL_TAKEN")])
def test_of_twenty_sign_ups_with_one_name_one_succeeds(system, field, code):
    def body(number):
        own = secrets.token_hex(6)
        answer = {"username": f"n-{own}", "email": f"{own}@example.com", "password": PASSWORD}
        answer[field] = shared.upper() if number % 2 else shared
        return answer

    shared = f"{secrets.token_hex(6)}@example.com" if field == "email" else f"s-{secrets.token_hex(6)}"
    replies = at_once(20, lambda number: Client(system.url()).post("/users", body(number)))
    assert Counter(reply.status_code for reply in replies) == {201: 1, 409: 19}
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {code}


def test_of_two_removals_one_succeeds(system, user):
    clients = [Client(system.url(), user.token) for _ in range(2)]
    for _ in range(10):
        path = f"/tasks/{user.new_task()['id']}"
        replies = at_once(2, lambda number: clients[number].delete(path))
        assert sorted(reply.status_code for reply in replies) == [204, 404]
