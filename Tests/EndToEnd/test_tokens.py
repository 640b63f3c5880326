"""Access tokens and password hashes, checked with PyJWT and bcrypt from PyPI; keys and secrets."""

import base64
import copy
import hmac
import json
import os
import secrets
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import bcrypt
import jwt
import pytest

from client import PASSWORD, expect
from contract import ENDPOINTS

ISSUER, AUDIENCE = "task-management", "task-management-api"
ANY_ID = "01890000-0000-7000-8000-000000000000"


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def ring_path(system):
    return system.state_dir / "secrets" / "jwt-keys.json"


def key_ring(system):
    return json.loads(ring_path(system).read_text())


def signing_key(system):
    """Returns the id and the bytes of the one key that signs."""
    [key] = [key for key in key_ring(system)["keys"] if "sign" in key["key_ops"]]
    return key["kid"], decoded(key["k"])


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def mint(system, account, kid=None, key=None, algorithm="HS256", headers=None, without=(), **claims):
    """Makes a token for an active session, with PyJWT."""
    own_kid, own_key = signing_key(system)
    content = {**claims_of(account.token), **claims}
    for name in without:
        del content[name]
    return jwt.encode(content, key if key is not None else own_key, algorithm=algorithm,
                      headers={"kid": kid or own_kid, **(headers or {})})


def unsubscribe_token(system, user_id):
    """Makes the token of the link in a user's mails: 16 bytes of an HMAC, and the user's id."""
    _, key = signing_key(system)
    seal = hmac.digest(hmac.digest(key, b"page-token", "sha256"), b"unsubscribe " + user_id.encode(), "sha256")[:16]
    return encoded(seal + user_id.encode())


def by_hand(system, account, header=None, payload=None, **header_fields):
    """Makes a correctly signed token by hand, for contents that PyJWT refuses."""
    kid, key = signing_key(system)
    header = header if header is not None else encoded(
        {"alg": "HS256", "typ": "JWT", "kid": kid, **header_fields})
    payload = payload if payload is not None else encoded(claims_of(account.token))
    signature = jwt.get_algorithm_by_name("HS256").sign(f"{header}.{payload}".encode(), key)
    return f"{header}.{payload}.{encoded(signature)}"


# Both directions: our tokens verify there, theirs verify here

def test_our_token_verifies_with_pyjwt(system, user):
    kid, key = signing_key(system)
    header = jwt.get_unverified_header(user.token)
    assert header["alg"] == "HS256" and header["typ"] == "JWT" and header["kid"] == kid
    claims = jwt.decode(user.token, key, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE, options={
        "require": ["iss", "aud", "sub", "jti", "iat", "nbf", "exp"]})
    assert claims["sub"] == user.id and claims["role"] == "USER" and claims["sid"]
    assert claims["exp"] - claims["iat"] == 86400
    assert abs(claims["iat"] - time.time()) < 60


def test_every_token_has_an_id_of_its_own(user):
    answer = expect(user.post("/auth/refresh", {"refresh_token": user.refresh_token}), 200)
    first, second = claims_of(user.token), claims_of(answer["access_token"])
    assert first["jti"] != second["jti"] and first["sid"] == second["sid"]


def test_a_token_by_pyjwt_is_accepted_everywhere(system, user):
    token = mint(system, user, jti=secrets.token_hex(8))
    assert token != user.token
    expect(user.get("/tasks", token=token), 200)
    expect(user.get(f"/users/{user.id}", token=token), 200)
    assert expect(user.post("/auth/validate", {"token": token}), 200)["valid"] is True


# Bad tokens

def now():
    return int(time.time())


BAD_TOKENS = {
    "alg none": lambda s, a: jwt.encode(claims_of(a.token), None, algorithm="none"),
    "alg None, unsigned": lambda s, a: f"{encoded({'alg': 'None', 'kid': signing_key(s)[0]})}."
                                       f"{encoded(claims_of(a.token))}.",
    "alg none, well signed": lambda s, a: by_hand(s, a, alg="none"),
    "alg HS512": lambda s, a: mint(s, a, algorithm="HS512", key=signing_key(s)[1].ljust(64, b"\0")),
    "alg HS512, said only": lambda s, a: by_hand(s, a, alg="HS512"),
    "alg RS256, said only": lambda s, a: by_hand(s, a, alg="RS256"),
    "alg in lower case": lambda s, a: by_hand(s, a, alg="hs256"),
    "alg is no text": lambda s, a: by_hand(s, a, alg=256),
    "no alg": lambda s, a: by_hand(s, a, header=encoded({"kid": signing_key(s)[0]})),
    "wrong kid": lambda s, a: mint(s, a, kid="another"),
    "kid is a path": lambda s, a: mint(s, a, kid="../../../../dev/null", key=b"\0" * 32),
    "kid is no text": lambda s, a: by_hand(s, a, kid=1),
    "no kid, another key": lambda s, a: jwt.encode(claims_of(a.token), secrets.token_bytes(32)),
    "another key": lambda s, a: mint(s, a, key=secrets.token_bytes(32)),
    "a signature cut short": lambda s, a: a.token[:-10],
    "no signature": lambda s, a: a.token.rpartition(".")[0] + ".",
    "two parts": lambda s, a: a.token.rpartition(".")[0],
    "another payload": lambda s, a: ".".join([
        a.token.split(".")[0], encoded({**claims_of(a.token), "role": "ADMIN"}), a.token.split(".")[2]]),
    "a trailing dot": lambda s, a: a.token + ".",
    "a fourth part": lambda s, a: a.token + "." + a.token.split(".")[2],
    "padding": lambda s, a: a.token + "=",
    "a sign outside the alphabet": lambda s, a: a.token[:-1] + "!",
    "no exp": lambda s, a: mint(s, a, without=["exp"]),
    "exp is text": lambda s, a: by_hand(s, a, payload=encoded({**claims_of(a.token), "exp": "2999999999"})),
    "exp is null": lambda s, a: by_hand(s, a, payload=encoded({**claims_of(a.token), "exp": None})),
    "exp is huge": lambda s, a: by_hand(s, a, payload=encoded(
        json.dumps({**claims_of(a.token), "exp": 0}).replace('"exp": 0', '"exp": 1e400').encode())),
    "expired": lambda s, a: mint(s, a, exp=now() - 120, iat=now() - 500, nbf=now() - 500),
    "not yet": lambda s, a: mint(s, a, nbf=now() + 600),
    "another iss": lambda s, a: mint(s, a, iss="somebody-else"),
    "no iss": lambda s, a: mint(s, a, without=["iss"]),
    "another aud": lambda s, a: mint(s, a, aud="another-api"),
    "no aud": lambda s, a: mint(s, a, without=["aud"]),
    "no sub": lambda s, a: mint(s, a, without=["sub"]),
    "an unknown role": lambda s, a: mint(s, a, role="EMPEROR"),
    "a critical extension": lambda s, a: by_hand(s, a, crit=["x"], x=1),
    "payload is no object": lambda s, a: by_hand(s, a, payload=encoded([1, 2])),
    "payload is no JSON": lambda s, a: by_hand(s, a, payload=encoded(b"{")),
    "header is no JSON": lambda s, a: by_hand(s, a, header=encoded(b"\xff\xff")),
    "deep nesting": lambda s, a: by_hand(s, a, payload=encoded(b"[" * 2000)),
    "dots": lambda s, a: "..",
    "one word": lambda s, a: "token",
    "7 kB": lambda s, a: "a" * 7000,
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_an_invalid_token_is_refused_by_gateway_and_validate(system, user, anyone, kind):
    token = BAD_TOKENS[kind](system, user)
    expected = "TOKEN_EXPIRED" if kind == "expired" else "TOKEN_INVALID"
    reply = anyone.get("/tasks", token=token)
    expect(reply, 401, expected)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    answer = expect(anyone.post("/auth/validate", {"token": token}), 200)
    assert answer["valid"] is False and answer["reason"] == expected


@pytest.mark.parametrize("function", [name for name, endpoint in ENDPOINTS.items() if endpoint.needs_token])
def test_every_function_that_needs_a_token_refuses_an_invalid_one(system, user, anyone, function):
    endpoint = ENDPOINTS[function]
    path = endpoint.path.format(id=user.id)
    body = {"title": "x"} if endpoint.method in ("POST", "PATCH") else None
    for kind in ("alg none", "another key", "expired"):
        token = BAD_TOKENS[kind](system, user)
        expect(anyone.call(endpoint.method, path, json=body, token=token), 401)
    reply = anyone.call(endpoint.method, path, json=body)
    expect(reply, 401, "UNAUTHENTICATED")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_of_100_kB_is_refused(anyone):
    reply = anyone.get("/tasks", token="a" * 100_000)
    assert reply.status_code in (400, 401, 431), reply.status_code
    body = {"token": "a" * 100_000}
    assert expect(anyone.post("/auth/validate", body), 200)["valid"] is False


@pytest.mark.parametrize("value", [
    "Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "bearer", "Token {token}", "{token}", "Bearer {token} x",
    "Bearer\t{token}x", "Bearer {token},Bearer {token}", "Digest x"])
def test_an_authorization_of_another_kind_is_refused(anyone, user, value):
    reply = anyone.get("/tasks", headers={"Authorization": value.format(token=user.token)})
    assert expect(reply, 401)["code"] in ("UNAUTHENTICATED", "TOKEN_INVALID")


def test_a_token_for_a_session_that_never_was_is_refused(system, user, anyone):
    token = mint(system, user, sid=ANY_ID)
    assert expect(anyone.get("/tasks", token=token), 401)["code"] in ("SESSION_REVOKED", "TOKEN_INVALID")


# Keys

@contextmanager
def other_keys(system, text):
    """Replaces the key ring, as an operator would (a new file, renamed), and puts the old one back."""
    path = ring_path(system)
    original, facts = path.read_text(), path.stat()

    def put(content):
        new = path.with_suffix(".new")
        new.write_text(content)
        os.chown(new, facts.st_uid, facts.st_gid)
        os.chmod(new, facts.st_mode & 0o777)
        os.replace(new, path)

    put(text)
    try:
        yield
    finally:
        put(original)
        time.sleep(1.5)  # until every worker that gets requests has noticed
        # An idle worker keeps the keys that it knows, and would sign with them if the next file that it
        # finds were broken.
        for function in ("login", "refresh-token"):
            system.script("restart-pool", function)


def test_a_new_signing_key_is_picked_up_and_old_tokens_still_count(system, user, anyone):
    ring = copy.deepcopy(key_ring(system))
    for key in ring["keys"]:
        key["key_ops"] = ["verify"]
    fresh = secrets.token_bytes(32)
    ring["keys"].append({"kty": "oct", "kid": "k-next", "alg": "HS256", "k": encoded(fresh),
                         "key_ops": ["sign", "verify"]})
    workers = system.workers()
    with other_keys(system, json.dumps(ring)):
        time.sleep(2)
        for _ in range(6):
            session = user.another_session()
            assert jwt.get_unverified_header(session.token)["kid"] == "k-next"
            assert jwt.decode(session.token, fresh, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)
            expect(session.get("/tasks"), 200)
            expect(user.get("/tasks"), 200)
            expect(user.post("/tasks", {"title": "old token"}), 201)
        assert system.workers() == workers
    expect(anyone.get("/tasks", token=session.token), 401, "TOKEN_INVALID")
    expect(user.get("/tasks"), 200)


@pytest.mark.parametrize("text", ["", "{", '{"keys": []}', '{"keys": [{"kty": "oct", "kid": "k", "k": "c2hvcnQ"}]}'],
                         ids=["empty", "broken", "no keys", "a short key"])
def test_a_broken_key_ring_does_not_lock_anybody_out(system, user, text):
    with other_keys(system, text):
        time.sleep(1.5)
        expect(user.get("/tasks"), 200)
        expect(user.another_session().get("/tasks"), 200)


# Passwords

def stored_hash(system, account):
    [[text]] = system.sql("user_db", "select password from users where id = :'id'", id=account.id)
    return text


def store_hash(system, account, text):
    system.sql("user_db", "update users set password = :'hash' where id = :'id'", hash=text, id=account.id)


@pytest.mark.parametrize("password", [PASSWORD, "pässwörd €uro 😀", "x" * 72])
def test_our_hash_verifies_with_bcrypt(system, new_user, password):
    text = stored_hash(system, new_user(password=password, signed_in=False))
    assert text.startswith("$2b$05$") and len(text) == 60
    assert bcrypt.checkpw(password.encode(), text.encode())
    assert not bcrypt.checkpw(password[:-1].encode(), text.encode())


@pytest.mark.parametrize("variant", ["2b", "2a", "2y"])
def test_a_hash_by_bcrypt_signs_in(system, user, variant):
    made = bcrypt.hashpw("made elsewhere ü".encode(), bcrypt.gensalt(5)).decode()
    store_hash(system, user, made.replace("$2b$", f"${variant}$"))
    user.password = "made elsewhere ü"
    expect(user.sign_in().get("/tasks"), 200)


def test_a_hash_of_a_lower_cost_is_renewed_at_login(system, user, anyone):
    store_hash(system, user, bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode())
    expect(anyone.post("/auth/login", {"username": user.username, "password": "not it at all"}), 401)
    assert stored_hash(system, user).startswith("$2b$04$")
    user.sign_in()
    renewed = stored_hash(system, user)
    assert renewed.startswith("$2b$05$") and bcrypt.checkpw(PASSWORD.encode(), renewed.encode())
    user.sign_in()
    assert stored_hash(system, user) == renewed


@pytest.mark.parametrize("text", ["", "plain", "$2b$05$short", "$1$abc$def", "!"])
def test_an_invalid_hash_never_signs_in(system, user, anyone, text):
    try:
        store_hash(system, user, text)
    except AssertionError:
        pytest.skip("the table refuses it")
    for password in ("whatever it is", text + " padded"):
        expect(anyone.post("/auth/login", {"username": user.username, "password": password}),
               401, "INVALID_CREDENTIALS")


# Secrets

def test_no_secret_is_in_a_log_a_command_line_or_a_configuration(system, anyone, new_user):
    password = "a password to look for " + secrets.token_hex(4)
    account = new_user(password=password)
    account.get("/tasks")
    successor = expect(account.post("/auth/refresh", {"refresh_token": account.refresh_token}), 200)
    anyone.post("/auth/login", {"username": account.username, "password": password + "!"})
    anyone.post("/auth/login", raw=b'{"username": "x", "password": "%s"' % password.encode())
    account.post("/auth/logout", {"refresh_token": successor["refresh_token"]})
    time.sleep(1)
    ring = [key["k"] for key in key_ring(system)["keys"]]
    hidden = [password, account.refresh_token, successor["refresh_token"], account.token.split(".")[2],
              successor["access_token"].split(".")[2], *ring]
    places = system.logs()
    places += [path for path in system.state_dir.rglob("*.conf") if "postgres/" not in str(path)]
    assert places
    for path in places:
        text = path.read_bytes()
        for secret in hidden:
            assert secret.encode() not in text, f"{secret[:12]}… in {path}"
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes()
        except OSError:
            continue
        assert not any(secret.encode() in text for secret in hidden), text


def test_the_key_ring_is_readable_by_its_owner_only(system):
    assert ring_path(system).stat().st_mode & 0o007 == 0


def test_expiry_is_told_as_the_token_has_it(user, anyone):
    answer = expect(anyone.post("/auth/validate", {"token": user.token}), 200)
    told = datetime.fromisoformat(answer["expires_at"].replace("Z", "+00:00"))
    assert abs(told - datetime.now(timezone.utc) - timedelta(days=1)) < timedelta(minutes=1)
    assert told.timestamp() == claims_of(user.token)["exp"]
