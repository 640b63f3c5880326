"""Sign-in, token validation, refresh and sign-out."""

import pytest

from client import Client, expect
from contract import USER_FIELDS

TOKEN_FIELDS = {"access_token", "refresh_token", "token_type", "expires_in", "user"}


def refresh(system, token):
    return Client(system.url()).post("/auth/refresh", {"refresh_token": token})


@pytest.mark.parametrize("by", ["username", "email"])
def test_a_login_gives_a_pair_of_tokens_and_the_user(anyone, new_user, by):
    account = new_user(signed_in=False)
    answer = expect(anyone.post(
        "/auth/login", {by: account.user[by], "password": account.password}), 200)
    assert set(answer) == TOKEN_FIELDS
    assert answer["token_type"] == "Bearer" and answer["expires_in"] == 86400
    assert set(answer["user"]) == USER_FIELDS and answer["user"] == account.user
    assert len(answer["refresh_token"]) >= 43  # 256 bits in base64
    expect(anyone.get("/tasks", token=answer["access_token"]), 200)


def test_unknown_user_and_wrong_password_are_one_answer(anyone, user):
    unknown = anyone.post("/auth/login", {"username": "nobody-here", "password": "whatever it is"})
    wrong = anyone.post("/auth/login", {"username": user.username, "password": "whatever it is"})
    expect(unknown, 401, "INVALID_CREDENTIALS")
    assert unknown.json() == wrong.json()
    assert unknown.headers["WWW-Authenticate"] == wrong.headers["WWW-Authenticate"]


@pytest.mark.parametrize("body", [
    {"password": "whatever it is"},
    {"username": "a-name"},
    {"username": "a-name", "email": "a@example.com", "password": "whatever it is"},
    {},
])
def test_a_login_needs_one_name_and_a_password(anyone, body):
    expect(anyone.post("/auth/login", body), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("password", ["x" * 5000, "short", "a\u00e9" * 40])
def test_a_password_that_nobody_can_have_is_just_wrong(anyone, user, password):
    reply = anyone.post("/auth/login", {"username": user.username, "password": password})
    assert reply.status_code in (400, 401), reply.text


def test_a_live_token_is_valid(user, anyone):
    answer = expect(anyone.post("/auth/validate", {"token": user.token}), 200)
    assert answer["valid"] is True
    assert answer["user_id"] == user.id and answer["username"] == user.username
    assert answer["role"] == "USER" and answer["expires_at"].endswith("Z")


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 5000])
def test_an_invalid_token_is_not_valid_and_the_reason_is_given(anyone, token):
    answer = expect(anyone.post("/auth/validate", {"token": token}), 200)
    assert answer["valid"] is False and answer["reason"] == "TOKEN_INVALID"


def test_a_token_of_a_session_that_ended_is_not_valid(user, anyone):
    expect(anyone.post("/auth/logout", {"refresh_token": user.refresh_token}), 204)
    answer = expect(anyone.post("/auth/validate", {"token": user.token}), 200)
    assert answer["valid"] is False and answer["reason"] == "SESSION_REVOKED"


def test_a_refresh_rotates_the_token_and_keeps_the_shape(system, user):
    answer = expect(refresh(system, user.refresh_token), 200)
    assert set(answer) == TOKEN_FIELDS and answer["user"]["id"] == user.id
    assert answer["refresh_token"] != user.refresh_token
    expect(user.get("/tasks", token=answer["access_token"]), 200)


def test_a_refresh_adds_no_row(system, user):
    token = user.refresh_token
    for _ in range(5):
        token = expect(refresh(system, token), 200)["refresh_token"]
    assert system.sql("user_db", "select count(*) from refresh_tokens where user_id = :'id'",
                      id=user.id) == [["1"]]


def test_the_database_holds_no_usable_refresh_token(system, user):
    successor = expect(refresh(system, user.refresh_token), 200)["refresh_token"]
    rows = system.sql("user_db", "select to_json(t) from refresh_tokens t where user_id = :'id'",
                      id=user.id)
    for token in (user.refresh_token, successor):
        assert token not in rows[0][0]
        assert token.encode().hex() not in rows[0][0]
    [[stored]] = system.sql(
        "user_db", "select token from refresh_tokens where user_id = :'id'", id=user.id)
    assert refresh(system, stored).status_code in (400, 401)


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 5000, "ü", "a.b.c"])
def test_an_invalid_refresh_token_is_refused(system, token):
    expect(refresh(system, token), 401, "REFRESH_TOKEN_INVALID")


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(system, user):
    expect(refresh(system, user.token), 401, "REFRESH_TOKEN_INVALID")
    expect(user.get("/tasks", token=user.refresh_token), 401, "TOKEN_INVALID")


def test_a_refresh_token_expires(system, user):
    system.sql("user_db", "update refresh_tokens set created_at = now() - interval '31 days', "
               "expires_at = now() - interval '1 day' where user_id = :'id'", id=user.id)
    expect(refresh(system, user.refresh_token), 401, "REFRESH_TOKEN_EXPIRED")


def test_a_logout_ends_this_session_and_no_other(system, user):
    second = user.another_session()
    expect(user.post("/auth/logout", {"refresh_token": user.refresh_token}), 204)
    assert refresh(system, user.refresh_token).status_code == 401
    expect(refresh(system, second.refresh_token), 200)
    expect(second.get("/tasks"), 200)


def test_a_logout_everywhere_ends_every_session(system, user):
    second = user.another_session()
    expect(user.post("/auth/logout", {
        "refresh_token": user.refresh_token, "everywhere": True}), 204)
    for account in (user, second):
        assert refresh(system, account.refresh_token).status_code == 401
    user.sign_in()
    expect(user.get("/tasks"), 200)


def test_a_second_logout_does_no_harm(user):
    body = {"refresh_token": user.refresh_token}
    expect(user.post("/auth/logout", body), 204)
    assert user.post("/auth/logout", body).status_code in (204, 401)


def test_a_logout_needs_a_real_token(anyone):
    assert anyone.post("/auth/logout", {"refresh_token": "A" * 43}).status_code in (204, 401)
    expect(anyone.post("/auth/logout", {}), 400, "INVALID_ARGUMENT")
