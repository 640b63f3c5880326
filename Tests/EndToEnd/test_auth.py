"""Sign-in, token validation, refresh and sign-out."""

import secrets
import time

import pytest

from client import CHALLENGE, PASSWORD, Client, expect, sign_up
from contract import USER_FIELDS
from grpc_client import auth_pb2, refusal, user_pb2
from test_tokens import mint

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
    assert unknown.headers["WWW-Authenticate"] == wrong.headers["WWW-Authenticate"] == CHALLENGE


@pytest.mark.parametrize("around", [" {} ", "{}\u00a0", "\t{}", "\u3000{}\u200b"])
@pytest.mark.parametrize("by", ["username", "email"])
def test_blanks_around_the_name_do_not_keep_anyone_out(anyone, services, user, by, around):
    body = {by: around.format(user.user[by]), "password": user.password}
    assert expect(anyone.post("/auth/login", body), 200)["user"]["id"] == user.id
    assert services().auth.Login(auth_pb2.LoginRequest(**body)).user.id == user.id
    expect(anyone.post("/auth/login", {**body, "password": f" {user.password}"}), 401, "INVALID_CREDENTIALS")


# Challenges: error="invalid_token" makes clients sign their user out (RFC 6750)

PLAIN_401 = {
    "a wrong password": (lambda u: u.post("/auth/login", {"username": u.username, "password": "not it"}),
                         "INVALID_CREDENTIALS"),
    "a bad refresh token": (lambda u: u.post("/auth/refresh", {"refresh_token": "A" * 43}), "REFRESH_TOKEN_INVALID"),
    "a refresh of a session that ended": (lambda u: u.post("/auth/refresh", {"refresh_token": ended(u)}),
                                          "SESSION_REVOKED"),
    "a bad token for the logout": (lambda u: u.post("/auth/logout", {"refresh_token": "A" * 43}),
                                   "REFRESH_TOKEN_INVALID"),
    "no token": (lambda u: Client(u.base_url).get("/tasks"), "UNAUTHENTICATED"),
    "another scheme": (lambda u: Client(u.base_url).get("/tasks", headers={"Authorization": "Basic YTpi"}),
                       "UNAUTHENTICATED"),
}


def ended(account):
    expect(account.post("/auth/logout", {"refresh_token": account.refresh_token}), 204)
    return account.refresh_token


@pytest.mark.parametrize("case", PLAIN_401)
def test_a_401_that_is_not_about_the_access_token_does_not_blame_it(user, case):
    call, code = PLAIN_401[case]
    reply = call(user)
    expect(reply, 401, code)
    assert reply.headers["WWW-Authenticate"] == CHALLENGE


def test_a_401_about_the_access_token_says_so_also_from_the_cache(system, user):
    bad = Client(system.url(), "x.y.z")
    over = Client(system.url(), user.token)
    ended(user)
    time.sleep(1)
    for client, code in ((bad, "TOKEN_INVALID"), (over, "SESSION_REVOKED")):
        for _ in range(5):
            reply = client.get("/tasks")
            expect(reply, 401, code)
            assert reply.headers["WWW-Authenticate"] == CHALLENGE + ', error="invalid_token"'


# Tokens that happen to be sent along

def bad_tokens(system, account):
    old = account.token
    ended(account)
    time.sleep(1)
    return {
        "of a session that ended": old,
        "expired": mint(system, account, exp=int(time.time()) - 3600),
        "forged": old[:-8] + "AAAAAAAA",
        "no token": "x.y.z",
    }


def test_whoever_may_be_anyone_may_have_any_token(system, services, admin, new_user):
    """In a browser, the old token often comes along."""
    made = new_user()
    for kind, token in bad_tokens(system, admin.another_session()).items():
        one, call = Client(system.url(), token), services(Client(system.url(), token))
        for _ in range(2):
            assert sign_up(system.url(), token=token, signed_in=False).user["role"] == "USER", kind
        name = f"grpc-{secrets.token_hex(6)}"
        answer = call.users.CreateUser(user_pb2.CreateUserRequest(
            username=name, email=f"{name}@example.com", password=PASSWORD))
        assert answer.username == name
        body = {"username": made.username, "password": made.password}
        session = expect(one.post("/auth/login", body), 200)
        assert call.auth.Login(auth_pb2.LoginRequest(**body)).access_token
        expect(one.post("/auth/validate", {"token": session["access_token"]}), 200)
        fresh = expect(one.post("/auth/refresh", {"refresh_token": session["refresh_token"]}), 200)
        expect(one.post("/auth/logout", {"refresh_token": fresh["refresh_token"]}), 204)
        expect(one.get("/health/ready"), 200)
        assert one.session.get(system.url() + "/openapi.json", headers={"Authorization": f"Bearer {token}"}).ok
        expect(one.get("/tasks"), 401)


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Bearer", "Bearer ", "nonsense", "Bearer a b"])
def test_at_the_sign_up_any_authorization_will_do(anyone, authorization):
    name = f"user-{secrets.token_hex(6)}"
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    expect(anyone.post("/users", body, headers={"Authorization": authorization}), 201)


def test_a_closed_sign_up_says_what_is_wrong_with_a_bad_token(strict_system, strict_admin, services):
    name = f"user-{secrets.token_hex(6)}"
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    codes = {"of a session that ended": "SESSION_REVOKED", "expired": "TOKEN_EXPIRED"}
    for kind, token in bad_tokens(strict_system, strict_admin.another_session()).items():
        code = codes.get(kind, "TOKEN_INVALID")
        reply = Client(strict_system.url(), token).post("/users", body)
        expect(reply, 401, code)
        assert reply.headers["WWW-Authenticate"] == CHALLENGE + ', error="invalid_token"'
        call = services(Client(strict_system.url(), token), of=strict_system).users.CreateUser
        refusal(call, user_pb2.CreateUserRequest(**body), code)
    # Nobody sneaks in by a header that looks like the gateway's own word.
    forged = {"Session-Refusal": "x", "SESSION_REFUSAL": "", "X-Refusal": ""}
    expect(Client(strict_system.url()).post("/users", body, headers=forged), 403, "PERMISSION_DENIED")
    expect(Client(strict_system.url()).post("/users", body, headers={"Authorization": "Basic YTpi"}),
           403, "PERMISSION_DENIED")
    expect(strict_admin.post("/users", body), 201)


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
