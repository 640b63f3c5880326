"""The five endpoints in Python with FastAPI and asyncpg, as ../README.md describes them.

uvicorn runs WORKERS processes of this.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Literal, NamedTuple, Optional
from uuid import UUID

import asyncpg
import bcrypt
import jwt
import ujson
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Extra, StrictStr, constr, validator
from pydantic.errors import DictError
from starlette.exceptions import HTTPException

ISSUER = "task-management"
AUDIENCE = "task-management-api"
LEEWAY_SECONDS = 5
ACCESS_SECONDS = 86400
REFRESH_SECONDS = 2592000
PAGE_SIZE = 50

COLUMNS = "id, title, description, status, priority, user_id, due_date, created_at, updated_at, version, reminders"

app = FastAPI(openapi_url=None)


# --- answers ---


class JSON(JSONResponse):
    """Faster than the json module, which starlette takes."""

    def render(self, content) -> bytes:
        return ujson.dumps(content, ensure_ascii=False, escape_forward_slashes=False).encode()


class Refusal(Exception):
    def __init__(self, status: int, code: str, text: str):
        self.status, self.code, self.text = status, code, text


INVALID = Refusal(400, "INVALID_ARGUMENT", "a field is not valid")
BAD_TOKEN = Refusal(401, "TOKEN_INVALID", "the access token is not valid")
BAD_CREDENTIALS = Refusal(401, "INVALID_CREDENTIALS", "no user has this name and this password")
NO_SUCH_TASK = Refusal(404, "TASK_NOT_FOUND", "there is no such task, or it cannot go to that status")
NO_SUCH_PATH = Refusal(404, "NOT_FOUND", "there is nothing at this path")
INTERNAL = Refusal(500, "INTERNAL", "something went wrong on our side")


def refused(refusal: Refusal) -> JSON:
    return JSON({"error": refusal.text, "code": refusal.code}, refusal.status)


@app.exception_handler(Refusal)
async def on_refusal(_: Request, refusal: Refusal) -> JSON:
    return refused(refusal)


@app.exception_handler(RequestValidationError)
@app.exception_handler(asyncpg.DataError)  # what PostgreSQL cannot hold
async def on_invalid(_: Request, error: Exception) -> JSON:
    return refused(INVALID)


@app.exception_handler(HTTPException)
async def on_http_error(_: Request, error: HTTPException) -> JSON:
    return refused(INVALID if error.status_code == 400 else NO_SUCH_PATH)


@app.exception_handler(Exception)
async def on_error(_: Request, error: Exception) -> JSON:
    return refused(INTERNAL)  # and uvicorn logs it


# --- keys and tokens ---


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_keys(path: str) -> tuple[dict[str, bytes], str]:
    """Secrets by key id, and the id of the key that signs."""
    with open(path) as file:
        keys = json.load(file)["keys"]
    found = {key["kid"]: base64.urlsafe_b64decode(key["k"] + "==") for key in keys}
    return found, next(key["kid"] for key in keys if "sign" in key["key_ops"])


KEYS, SIGNING = read_keys(os.environ["JWT_KEYS_FILE"])


class Caller(NamedTuple):
    id: str
    is_admin: bool


async def signed_in(request: Request) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise BAD_TOKEN
    try:
        claims = jwt.decode(
            token,
            KEYS[jwt.get_unverified_header(token)["kid"]],
            algorithms=["HS256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "nbf", "iat"]},
        )
    except (jwt.PyJWTError, KeyError, TypeError):
        raise BAD_TOKEN
    id, role = claims.get("sub"), claims.get("role")
    # The leeway is for clocks that run ahead; an expired token has none.
    if not isinstance(id, str) or not isinstance(role, str) or claims["exp"] <= time.time():
        raise BAD_TOKEN
    return Caller(id, role == "ADMIN")


def access_token(user: asyncpg.Record, session: str, now: datetime) -> str:
    seconds = int(now.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user["id"],
        "role": user["role"],
        "sid": session,
        "jti": new_id(now),
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + ACCESS_SECONDS,
    }
    return jwt.encode(claims, KEYS[SIGNING], "HS256", headers={"kid": SIGNING})


def page_token(last: dict) -> str:
    """Returns the start of the next page, under a code that nobody else can make."""
    place = (last["created_at"] + last["id"]).encode()
    return encode(hmac.digest(KEYS[SIGNING], place, "sha256")[:16] + place)


def new_id(now: datetime) -> str:
    """A UUID version 7: 48 bits of milliseconds, then random ones. Source: RFC 9562 §5.7."""
    bits = int(now.timestamp() * 1000) << 80 | secrets.randbits(80)
    bits = bits & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(UUID(int=bits))


# --- the databases ---

# Two for each process: while one statement runs, the answer to another is made.
CONNECTIONS = 2


class Connection(asyncpg.Connection):
    async def reset(self, *, timeout=None):
        """Nothing: no request leaves settings or locks behind, and asyncpg's reset is a round trip after each."""


def open_pool(role: str, database: str):
    return asyncpg.create_pool(
        host=os.environ["PGHOST"],
        user=role,
        database=database,
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        max_inactive_connection_lifetime=0,
        max_cached_statement_lifetime=0,
        connection_class=Connection,
    )


@app.on_event("startup")
async def connect():
    # asyncpg prepares each statement once per connection.
    global tasks, users
    tasks = await open_pool("task_service", "task_db")
    users = await open_pool("auth_service", "user_db")


# --- the contents of a body ---

# The statuses that each can be reached from.
SOURCES = {
    "PENDING": ["PENDING", "IN_PROGRESS", "CANCELLED"],
    "IN_PROGRESS": ["PENDING", "IN_PROGRESS", "COMPLETED"],
    "COMPLETED": ["PENDING", "IN_PROGRESS", "COMPLETED"],
    "CANCELLED": ["PENDING", "IN_PROGRESS", "CANCELLED"],
}

Title = constr(strict=True, min_length=1, max_length=255)
Description = constr(strict=True, max_length=10000)
Status = Literal["PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"]
Priority = Literal["LOW", "MEDIUM", "HIGH", "URGENT"]

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Body(BaseModel, extra=Extra.forbid):
    @classmethod
    def validate(cls, value):
        if not isinstance(value, dict):  # pydantic would make one of a list
            raise DictError
        return super().validate(value)


class TaskChanges(Body):
    # Fields that were not sent are not in __fields_set__.
    title: Title = ""
    description: Optional[Description] = None
    status: Status = "PENDING"
    priority: Priority = "MEDIUM"
    due_date: Optional[datetime] = None

    @validator("due_date", pre=True)
    def is_rfc3339(cls, value):
        if value is None:
            return None
        if not isinstance(value, str) or not RFC3339.fullmatch(value):
            raise ValueError("is not an RFC 3339 time")
        return datetime.fromisoformat(value).astimezone(timezone.utc)


class TaskDraft(TaskChanges):
    title: Title


class Credentials(Body):
    username: StrictStr
    password: StrictStr


# --- tasks ---


def shown_time(value: datetime) -> str:
    return value.isoformat()[:-6] + "Z"  # without +00:00


def shown(row: asyncpg.Record) -> dict:
    task = dict(row)
    due = task["due_date"]
    task["due_date"] = None if due is None else shown_time(due)
    task["created_at"] = shown_time(task["created_at"])
    task["updated_at"] = shown_time(task["updated_at"])
    return task


def answer_task(row: asyncpg.Record) -> JSON:
    return JSON(shown(row), headers={"ETag": f'"{row["version"]}"'})


@app.get("/api/v1/tasks/{id}")
async def get_task(id: str, caller: Caller = Depends(signed_in)):
    row = await tasks.fetchrow(f"SELECT {COLUMNS} FROM tasks WHERE id = $1", id)
    if row is None or (row["user_id"] != caller.id and not caller.is_admin):
        raise NO_SUCH_TASK
    return answer_task(row)


@app.get("/api/v1/tasks")
async def list_tasks(caller: Caller = Depends(signed_in)):
    rows = await tasks.fetch(
        f"SELECT {COLUMNS} FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 51", caller.id
    )
    page = [shown(row) for row in rows[:PAGE_SIZE]]
    return JSON({"tasks": page, "next_page_token": page_token(page[-1]) if len(rows) > PAGE_SIZE else ""})


@app.post("/api/v1/tasks")
async def create_task(draft: TaskDraft, caller: Caller = Depends(signed_in)):
    now = datetime.now(timezone.utc)
    time = shown_time(now)
    task = {
        "id": new_id(now),
        "title": draft.title,
        "description": draft.description,
        "status": draft.status,
        "priority": draft.priority,
        "user_id": caller.id,
        "due_date": draft.due_date and shown_time(draft.due_date),
        "created_at": time,
        "updated_at": time,
        "version": 1,
        "reminders": None,
    }
    await tasks.execute(
        "INSERT INTO tasks (id, title, description, status, priority, user_id, due_date, created_at, updated_at,"
        " next_reminder_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $7::timestamptz - interval '1 day')",
        task["id"],
        draft.title,
        draft.description,
        draft.status,
        draft.priority,
        caller.id,
        draft.due_date,
        now,
    )
    return JSON(task, 201, headers={"Location": f"/api/v1/tasks/{task['id']}"})


@app.patch("/api/v1/tasks/{id}")
async def update_task(id: str, changes: TaskChanges, caller: Caller = Depends(signed_in)):
    values = [id, datetime.now(timezone.utc)]

    def bind(value) -> str:
        values.append(value)
        return f"${len(values)}"

    sql = "UPDATE tasks SET version = version + 1, updated_at = $2"
    sent = changes.__fields_set__
    for name in changes.__fields__:
        if name in sent:
            sql += f", {name} = {bind(getattr(changes, name))}"
    sql += " WHERE id = $1"
    if not caller.is_admin:
        sql += f" AND user_id = {bind(caller.id)}"
    if "status" in sent:
        sql += f" AND status = ANY ({bind(SOURCES[changes.status])}::task_status[])"
    row = await tasks.fetchrow(f"{sql} RETURNING {COLUMNS}", *values)
    if row is None:
        raise NO_SUCH_TASK
    return answer_task(row)


# --- login ---

# A hash of no password, so that an unknown user takes as long as a known one.
NOBODY = "$2b$12$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"

# One hash at a time in each process; meanwhile the loop goes on.
hashing = ThreadPoolExecutor(1)


def is_right(password: str, hash: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), hash.encode())
    except ValueError:  # no password has a NUL
        return False


@app.post("/api/v1/auth/login")
async def login(given: Credentials):
    user = await users.fetchrow(
        "SELECT id, username, role, password FROM users WHERE lower(username) = lower($1)", given.username
    )
    hash = user["password"] if user else NOBODY
    loop = asyncio.get_running_loop()
    if not await loop.run_in_executor(hashing, is_right, given.password, hash) or user is None:
        raise BAD_CREDENTIALS
    now = datetime.now(timezone.utc)
    session = new_id(now)
    refresh_token = secrets.token_urlsafe(32)
    await insert_session(session, user, refresh_token, now)
    return JSON(
        {
            "access_token": access_token(user, session, now),
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "user": {"id": user["id"], "username": user["username"], "role": user["role"]},
        }
    )


async def insert_session(id: str, user: asyncpg.Record, refresh_token: str, now: datetime):
    """The user's row is read again under a lock, so that a password changed meanwhile counts."""
    async with users.acquire() as connection, connection.transaction():
        if not await connection.fetchval(
            "SELECT 1 FROM users WHERE id = $1 AND password = $2 FOR SHARE", user["id"], user["password"]
        ):
            raise BAD_CREDENTIALS
        await connection.execute(
            "DELETE FROM refresh_tokens WHERE user_id = $1 AND expires_at < now()", user["id"]
        )
        await connection.execute(
            "INSERT INTO refresh_tokens (id, user_id, token, key_id, expires_at, created_at, refreshed_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $6)",
            id,
            user["id"],
            hashlib.sha256(refresh_token.encode()).hexdigest(),
            SIGNING,
            now + timedelta(seconds=REFRESH_SECONDS),
            now,
        )
