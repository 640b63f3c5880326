"""The data: 1,000 users with 100 tasks each, of whom a hundred are signed in."""

import base64
import json
import secrets
import time
from typing import NamedTuple

import bcrypt
import jwt

USERS, TASKS_EACH, ACTIVE = 1_000, 100, 100
#: bcrypt's lowest cost, so that the rest of a sign-in can be compared.
BCRYPT_COST = 4


class User(NamedTuple):
    id: str
    name: str
    token: str
    tasks: list


class Data(NamedTuple):
    users: list         # the users who are signed in
    password: str


def fill(system):
    """Fills an empty system's databases and signs a hundred users in."""
    password = "correct horse battery"
    stored = bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST)).decode()
    system.postgres.sql("user_db", f"""
        INSERT INTO users (id, username, email, password, created_at, updated_at)
        SELECT {_id("'u' || n")}, 'user' || n, 'user' || n || '@example.com', '{stored}', now(), now()
          FROM generate_series(1, {USERS}) n;
        ANALYZE users;""")
    add_tasks(system, "task_db", USERS, TASKS_EACH)
    keys = json.loads((system.state_dir / "secrets/jwt-keys.json").read_text())["keys"]
    key = next(key for key in keys if "sign" in key["key_ops"])
    rows = system.postgres.sql("user_db", f"SELECT id, username FROM users ORDER BY id LIMIT {ACTIVE}")
    users = [_signed_in(system, key, *row) for row in rows]
    system.postgres.sql("user_db", "".join(
        "INSERT INTO refresh_tokens (id, user_id, token, key_id, expires_at, created_at, refreshed_at)"
        f" VALUES ('{session}', '{user.id}', '{secrets.token_hex(32)}', '{key['kid']}',"
        " now() + interval '30 days', now(), now());\n" for user, session in users))
    return Data([user for user, _ in users], password)


def add_tasks(system, database, users, each):
    """Makes the tasks of a number of users, older and newer ones mixed, as if created over two years."""
    system.postgres.sql(database, f"""
        INSERT INTO tasks (id, title, description, status, priority, user_id, due_date, created_at, updated_at)
        SELECT {_id("'t' || n")}, 'Write the report number ' || n,
               'What a person writes about a task, in a line or two of ' || md5(n::text),
               (ARRAY['PENDING', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED']::task_status[])[1 + n % 4],
               (ARRAY['LOW', 'MEDIUM', 'HIGH', 'URGENT']::task_priority[])[1 + n % 3],
               {_id(f"'u' || 1 + n % {users}")},
               CASE WHEN n % 5 > 0 THEN timestamptz '2030-01-01 12:00:00Z' + n * interval '1 minute' END,
               at, at
          FROM generate_series(1, {users * each}) n,
               LATERAL (SELECT timestamptz '2024-01-01 00:00:00.123456Z' + n * interval '{730 / users / each * 86400} s') made (at);
        """, limit_seconds=1800)
    system.postgres.sql(database, "VACUUM (ANALYZE) tasks;", limit_seconds=900)


def _id(seed):
    """Returns SQL for a UUID in the form of version 7."""
    return f"overlay(overlay(md5({seed})::uuid::text PLACING '7' FROM 15) PLACING 'a' FROM 20)"


def _signed_in(system, key, user_id, name):
    session, now = secrets.token_hex(16), int(time.time())
    session = f"{session[:8]}-{session[8:12]}-7{session[13:16]}-a{session[17:20]}-{session[20:]}"
    claims = {"iss": "task-management", "aud": "task-management-api", "sub": user_id, "role": "USER", "sid": session,
              "jti": session, "iat": now, "nbf": now, "exp": now + 86_400}
    secret = base64.urlsafe_b64decode(key["k"] + "=" * (-len(key["k"]) % 4))
    token = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": key["kid"]})
    tasks = [row[0] for row in system.postgres.sql("task_db", f"SELECT id FROM tasks WHERE user_id = '{user_id}'")]
    return User(user_id, name, token, tasks), session
