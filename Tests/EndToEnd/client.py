"""Clients of the API that hold every answer against the one error shape."""

import json as jsonlib
import re
import secrets
import socket
import time

import requests

from contract import ABOUT_A_TOKEN, ERROR_CODES

PASSWORD = "correct horse battery"
CHALLENGE = 'Bearer realm="task-management"'


def wrong_with_error(status, headers, body):
    """Says in a sentence what is wrong with an error answer; None if it has the one error shape.

    `headers` is any mapping; names are compared regardless of case. `body` is None after HEAD.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    if status not in ERROR_CODES:
        return f"status {status} is not documented"
    if not headers.get("x-request-id"):
        return f"{status} without X-Request-Id"
    if status == 401 and not headers.get("www-authenticate", "").startswith("Bearer"):
        return "401 without WWW-Authenticate: Bearer"
    if status == 405 and "allow" not in headers:
        return "405 without Allow"
    if status in (429, 503, 504) and not re.fullmatch(r"\d+", headers.get("retry-after", "")):
        return f"{status} without Retry-After in seconds"
    if body is None:
        return None
    if headers.get("content-type", "").split(";")[0] != "application/json":
        return f"{status} has content type {headers.get('content-type')}"
    try:
        error = jsonlib.loads(body)
    except ValueError:
        return f"{status} is not JSON: {body[:200]!r}"
    if not isinstance(error, dict) or not {"error", "code"} <= set(error):
        return f"{status} is not in the error shape: {error}"
    if set(error) - {"error", "code", "details"}:
        return f"{status} has more than error, code and details: {error}"
    if not isinstance(error["error"], str) or not error["error"].strip():
        return f"{status} says nothing: {error}"
    if error["code"] not in ERROR_CODES[status]:
        return f"{error['code']} is no documented code of {status}"
    challenge = headers.get("www-authenticate", "")
    if 'error="invalid_token"' in challenge and error["code"] not in ABOUT_A_TOKEN:
        return f"{error['code']} says that the token is bad: {challenge}"
    details = error.get("details", {})
    if not isinstance(details, dict):
        return f"details are no object: {error}"
    if not all(isinstance(value, str) for value in details.values()):
        return f"details are not all text: {error}"
    if "details" in error and not details:
        return f"details without any: {error}"
    return None


class Client:
    """A client with a connection to one port that stays open, with or without an access token."""

    def __init__(self, base_url, token=None):
        self.base_url = base_url
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False

    def call(self, method, path, json=None, raw=None, headers=None, token=None, params=None):
        """Sends one request; fails on a 500 and on an error outside the error shape.

        Paths are under /api/v1 unless they begin with /api or /health.
        """
        if not path.startswith(("/api", "/health")):
            path = "/api/v1" + path
        sent = dict(headers or {})
        token = token if token is not None else self.token
        if token:
            sent.setdefault("Authorization", f"Bearer {token}")
        data = raw
        if json is not None:
            data = jsonlib.dumps(json).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        reply = self.session.request(
            method, self.base_url + path, data=data, headers=sent, params=params,
            timeout=15, allow_redirects=False)
        said = f"{method} {path} -> {reply.status_code} {reply.text[:500]}"
        assert reply.status_code != 500, said
        assert reply.headers.get("X-Request-Id"), said
        if reply.status_code >= 300 and reply.status_code != 304:
            body = None if method == "HEAD" else reply.content
            wrong = wrong_with_error(reply.status_code, reply.headers, body)
            assert wrong is None, f"{wrong}; {said}"
        return reply

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, json=None, **more):
        return self.call("POST", path, json=json, **more)

    def put(self, path, json=None, **more):
        return self.call("PUT", path, json=json, **more)

    def patch(self, path, json=None, **more):
        return self.call("PATCH", path, json=json, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)


class Account(Client):
    """A client with a user name and a password, signed in unless told otherwise."""

    def __init__(self, base_url, user, password):
        super().__init__(base_url)
        self.user = user
        self.id = user["id"]
        self.username = user["username"]
        self.password = password
        self.refresh_token = None

    def sign_in(self):
        """Signs in and keeps the session's tokens."""
        body = {"username": self.username, "password": self.password}
        reply = Client(self.base_url).post("/auth/login", body)
        for _ in range(10):      # where logins are limited, as a polite client
            if reply.status_code != 429:
                break
            time.sleep(int(reply.headers["Retry-After"]))
            reply = Client(self.base_url).post("/auth/login", body)
        answer = expect(reply, 200)
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return self

    def another_session(self):
        """The same user on another device."""
        return Account(self.base_url, self.user, self.password).sign_in()

    def new_task(self, title="write the report", **fields):
        return expect(self.post("/tasks", {"title": title, **fields}), 201)


def sign_up(base_url, password=PASSWORD, signed_in=True, token=None, **fields):
    """Creates a user with a unique name."""
    name = fields.pop("username", f"user-{secrets.token_hex(6)}")
    body = {"username": name, "email": f"{name}@example.com", "password": password, **fields}
    user = expect(Client(base_url, token).post("/users", body), 201)
    account = Account(base_url, user, password)
    return account.sign_in() if signed_in else account


def expect(reply, status, code=None):
    """Checks status and error code, and returns the answer's JSON (None without a body)."""
    assert reply.status_code == status, f"expected {status}: {reply.status_code} {reply.text[:500]}"
    body = reply.json() if reply.content else None
    if code is not None:
        assert body["code"] == code, body
    return body


class RawReply:
    """One HTTP answer as it arrived over the wire."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines if ": " in line)

    @property
    def json(self):
        return jsonlib.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


def send_raw(port, data, timeout_seconds=8, half_close=False):
    """Sends bytes to a port, reads until the other side closes, and checks an error's shape.

    The bytes should ask for `Connection: close`. Returns None if the connection was closed
    without an answer.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds) as connection:
        received = b""
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused early: there may be an answer nevertheless
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
    if not received:
        return None
    reply = RawReply(received)
    assert reply.status != 500, reply
    if reply.status >= 400:
        wrong = wrong_with_error(reply.status, reply.headers, reply.body)
        assert wrong is None, f"{wrong}; {reply}"
    return reply
